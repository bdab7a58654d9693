"""What every Python of a script's job runs first: scripts written for the PyTorch images of 2020 to 2023 find what those had.

It is run by its path, from a sitecustomize.py, in an environment that may be another one; only the standard library is used, and
nothing is imported that the script does not import itself. KENNEL_COMPAT=off leaves everything as it is. Each function says what
it gives, and since which version it is gone.
"""

import functools
import importlib.machinery
import importlib.util
import logging
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, cast

_DRIVERS = "/sm_drivers/distributed_drivers/"
"""Where version 3 of the SageMaker SDK puts its own programs, in a job's channel."""


class AfterImport:
    """Calls a function with each of some modules, just after it is imported."""

    def __init__(self, functions: dict[str, Callable[[Any], object]]) -> None:
        self.functions = functions
        self.looking: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that the finders after this one give, with a loader that calls the function."""
        if name not in self.functions or name in self.looking:
            return None
        self.looking.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.looking.discard(name)
        if spec is None or spec.loader is None:
            return None
        spec.loader = cast(Any, _Loader(spec.loader, self.functions[name]))
        return spec


class _Loader:
    def __init__(self, loader: Any, function: Callable[[Any], object]) -> None:
        self.loader, self.function = loader, function

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.function(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


def logging_without_handler() -> None:
    """SageMaker's image prints what a logger without handlers is given, of its own level: metrics are read there."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logging.lastResort = handler


SECOND_NAMES = {
    **dict.fromkeys(("Inf", "Infinity", "PINF", "infty"), "inf"),
    **dict.fromkeys(("NaN", "NAN"), "nan"),
    "float_": "float64",
    "complex_": "complex128",
    "string_": "bytes_",
    "unicode_": "str_",
    "product": "prod",
    "cumproduct": "cumprod",
    "alltrue": "all",
    "sometrue": "any",
    "round_": "round",
}
"""Names that NumPy had until 2.0, and those that stayed."""


def numpy_names(numpy: ModuleType) -> None:
    """np.float, np.int, np.object, np.str and np.complex were Python's own types until NumPy 1.24; 2.0 took second names."""
    known = {"float": float, "int": int, "object": object, "str": str, "complex": complex}
    for name in sorted(SECOND_NAMES.keys() - vars(numpy).keys()):
        known[name] = getattr(numpy, SECOND_NAMES[name])
    for name, value in known.items():
        if name not in vars(numpy):
            setattr(numpy, name, value)


def pillow_names(image: Any) -> None:
    """Image.ANTIALIAS was LANCZOS until Pillow 10."""
    if not hasattr(image, "ANTIALIAS"):
        image.ANTIALIAS = image.LANCZOS


def loader_next(module: Any) -> None:
    """iter(loader).next() was next(iter(loader)) until PyTorch 1.13."""
    kind = module._BaseDataLoaderIter
    if not hasattr(kind, "next"):
        kind.next = lambda iterator: next(iterator)


def scheduler_verbose(module: Any) -> None:
    """Schedulers of the learning rate took verbose=True, and printed each change, until PyTorch 2.7."""
    if "verbose" in module.ReduceLROnPlateau.__init__.__code__.co_varnames:
        return

    def quiet(original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def init(scheduler: Any, *given: Any, **named: Any) -> None:
            named.pop("verbose", None)
            original(scheduler, *given, **named)

        return init

    kinds: list[Any] = [kind for kind in vars(module).values() if isinstance(kind, type) and "__init__" in vars(kind)]
    for kind in kinds:
        if issubclass(kind, module.LRScheduler):
            kind.__init__ = quiet(kind.__init__)


def inception(module: Any) -> None:
    """inception_v3(aux_logits=False) with pretrained weights was taken until torchvision 0.13: built with them, then without."""
    original = module.inception_v3

    def inception_v3(*given: Any, **named: Any) -> Any:
        wanted = named.get("aux_logits", True)
        weights = given[0] if given else named.get("weights", named.get("pretrained"))
        if wanted or not weights:
            return original(*given, **named)
        network = original(*given, **{**named, "aux_logits": True})
        network.aux_logits, network.AuxLogits = False, None
        return network

    inception_v3.__doc__ = original.__doc__
    module.inception_v3 = inception_v3  # torchvision.models takes it from here, a moment later


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


def main(*, startup: str, debug_hook: bool, steps: dict[str, Any] | None = None) -> None:
    """Does it. `startup`: the folder of our sitecustomize.py; `debug_hook`: whether the job asks for tensors; `steps`: the path
    of step_timeline.py as `program`, and what its StepTimeline is given, where the job asks for a profile."""
    logging_without_handler()
    if any(_DRIVERS in word for word in sys.orig_argv[1:2]):
        outlive_stop()
    functions: dict[str, Callable[[Any], object]] = {
        "numpy": numpy_names,
        "PIL.Image": pillow_names,
        "torch.optim.lr_scheduler": scheduler_verbose,
        "torch.utils.data.dataloader": loader_next,
        "torchvision.models.inception": inception,
    }
    after_torch: list[Callable[[Any], object]] = []
    if debug_hook:
        after_torch.append(DebuggerHook)
    if steps is not None:
        after_torch.append(functools.partial(time_steps, **steps))
    functions["torch"] = functools.partial(look_into, after_torch)
    sys.meta_path.insert(0, AfterImport(functions))
    run_next_sitecustomize(startup)


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
