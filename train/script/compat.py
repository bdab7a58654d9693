"""What every Python of a script's job runs first: SageMaker's own PyTorch saves tensors that no script has registered, and so on.

It is run by its path, from a sitecustomize.py, in an environment that may be another one; only the standard library is used, and
nothing is imported that the script does not import itself. KENNEL_COMPAT=off leaves everything as it is. The names that libraries
had when scripts were written are old_names.py's.
"""

import functools
import importlib.machinery
import importlib.util
import os
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

_DRIVERS = "/sm_drivers/distributed_drivers/"
"""Where version 3 of the SageMaker SDK puts its own programs, in a job's channel."""

LOSSES = {
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss",
}
"""The functions of torch.nn.functional that are losses, and the modules whose names their tensors get."""


class DebuggerHook:
    """SageMaker's own PyTorch makes smdebug's hook, and registers the network and the losses that are called, by itself.

    What the script registers stays as it is, and a script that registers its network names losses that are functions itself
    (record_tensor_value). `torch`: the module, just imported.
    """

    def __init__(self, torch: Any) -> None:
        self.losses, self.wrappers = (
            torch.nn.modules.loss._Loss,
            (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel),
        )
        self.registered: set[str] = set()
        self.made: set[str] = set()
        """Of what was called, what the script had not registered itself."""
        self.handle = torch.nn.modules.module.register_module_forward_pre_hook(self.before_forward)

        self.functional, self.in_loss, self.is_compiling = torch.nn.functional, False, torch.compiler.is_compiling
        self.functions = {name: getattr(self.functional, name) for name in LOSSES}
        self.recording = {
            name: self.recorded(function, getattr(torch.nn, LOSSES[name])()) for name, function in self.functions.items()
        }
        vars(self.functional).update(self.recording)

        script = torch.jit.script
        torch.jit.script = lambda module, *given, **named: self.without_hooks(script, module, given, named)

    def without_hooks(self, script: Callable[..., Any], module: Any, given: Any, named: Any) -> Any:
        """What torch.jit.script gives for a network and losses as the script knows them: it can compile nothing of this file."""
        hooks = [
            getattr(part, name)
            for part in (module.modules() if "network" in self.made and hasattr(module, "modules") else ())
            for name in ("_forward_hooks", "_forward_pre_hooks")
        ]
        kept = [dict(one) for one in hooks]
        try:
            vars(self.functional).update(self.functions)
            for one in hooks:
                one.clear()
            return script(module, *given, **named)
        finally:
            for one, before in zip(hooks, kept, strict=True):
                one.update(before)
            vars(self.functional).update(self.recording)

    def recorded(self, function: Callable[..., Any], module: Any) -> Callable[..., Any]:
        """The function, whose results the hook saves as those of the loss module that calls it. None is saved twice: where a
        module is registered, functions are not recorded."""
        module._module_name = type(module).__name__
        is_compiling = self.is_compiling

        @functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            if is_compiling() or self.in_loss or "loss" in self.registered or "network" not in self.made:
                return function(*given, **named)
            self.in_loss = True
            try:
                result = function(*given, **named)
            finally:
                self.in_loss = False
            self.record(module, (*given, *named.values())[:2], result)
            return result

        return call

    def record(self, module: Any, inputs: Any, result: Any) -> None:
        """Has the hook save a loss. Without modes, one that nothing is learnt from is left out: the test's is no step's."""
        try:
            import smdebug.pytorch

            hook = smdebug.pytorch.get_hook()
            without_mode = hook.mode == smdebug.pytorch.modes.GLOBAL
            if hook.has_registered_loss_module or (without_mode and not result.requires_grad):
                return
            self.handle.remove()  # loss modules call the same functions
            hook.forward_hook(module, inputs, result)
        except Exception as error:
            self.registered.add("loss")
            print(f"smdebug's hook cannot save {module._module_name}: {error!r}", file=sys.stderr, flush=True)

    def before_forward(self, module: Any, inputs: Any) -> None:
        """Called before any module; the first with parameters is the network: torchvision's transforms are modules too."""
        kind = "loss" if isinstance(module, self.losses) else "network"
        if kind in self.registered or isinstance(module, self.wrappers):
            return
        if kind == "network" and next(module.parameters(), None) is None:
            return
        if kind == "loss" and "network" in self.made and type(module).__name__ in LOSSES.values():
            return  # the function that it calls is recorded, whether the script makes one such module or one a step
        self.registered.add(kind)
        try:
            self.register(kind, module, inputs)
        except Exception as error:
            print(f"smdebug's hook cannot be registered for the {kind}: {error!r}", file=sys.stderr, flush=True)
        if len(self.registered) == 2:
            self.handle.remove()

    def register(self, kind: str, module: Any, inputs: Any) -> None:
        """Registers a network or loss with the script's hook, or with one made here."""
        import smdebug.pytorch

        hook = smdebug.pytorch.get_hook(create_if_not_exists=True)
        if hook is None:
            return
        if kind == "loss" and not hook.has_registered_loss_module:
            hook.register_loss(module)
            self.made.add(kind)
        if kind == "network" and not hook.has_registered_module:
            hook.register_module(module)
            self.made.add(kind)
            hook.forward_pre_hook(module, inputs)  # the one just registered comes too late for this call


def main(
    *, startup: str, ours: tuple[str, Sequence[str]], old_names: str, debug_hook: bool, steps: dict[str, Any] | None = None
) -> None:
    """Does it.

    `startup`: the folder of our sitecustomize.py; `ours`: where Kennel's packages lie, and their names; `old_names`: the path of
    old_names.py; `debug_hook`: whether the job asks for tensors; `steps`: the path of step_timeline.py as `program`, and what
    its StepTimeline is given, where it asks for a profile.
    """
    if any(_DRIVERS in word for word in sys.orig_argv[1:2]):
        outlive_stop()
    own_folders(*ours)
    after_torch: list[Callable[[Any], object]] = []
    if debug_hook:
        after_torch.append(DebuggerHook)
    if steps is not None:
        after_torch.append(functools.partial(time_steps, **steps))
    runpy.run_path(old_names)["main"]({"torch": functools.partial(look_into, after_torch)})
    run_next_sitecustomize(startup)


def own_folders(place: str, packages: Sequence[str]) -> None:
    """Has `import scripts` find a folder of that name beside the script, where Kennel is installed among the script's packages.

    Python takes a package with an __init__.py anywhere on its path before a folder without one. `place`: where `packages` lie.
    """
    others = [folder for folder in sys.path if os.path.realpath(folder) != place]
    for name in packages:
        found = importlib.machinery.PathFinder.find_spec(name)
        if found is None or found.origin is None or os.path.realpath(f"{found.origin}/../..") != place:
            continue
        spec = importlib.machinery.PathFinder.find_spec(name, others)
        if spec is not None and spec.origin is None:
            sys.modules[name] = importlib.util.module_from_spec(spec)


def outlive_stop() -> None:
    """A driver of the SageMaker SDK reads what the script prints: it has to wait for a script that saves its work at a stop."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)


def run_next_sitecustomize(startup: str) -> None:
    """Runs the sitecustomize.py that ours has hidden, of the script's folder or of a package, as Python does."""
    sys.path[:] = [folder for folder in sys.path if folder != startup]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def time_steps(torch: Any, *, program: str, **settings: Any) -> None:
    """Has step_timeline.py measure the steps of this process."""
    runpy.run_path(program)["StepTimeline"](torch, **settings)


def look_into(functions: Sequence[Callable[[Any], object]], torch: Any) -> None:
    """Calls each with a script's PyTorch, which may be another than ours: where one cannot work, the script runs without it."""
    for function in functions:
        try:
            function(torch)
        except Exception as error:
            print(f"tensors or steps of this PyTorch cannot be saved: {error!r}", file=sys.stderr, flush=True)
