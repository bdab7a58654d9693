"""The steps of a person's script are timed as those of the classifier are: from one training call of its network to the next.

It is run by its path when a Python of the job has imported torch, in an environment that may be another one: only the standard
library is used. The files are those that train/profiling/timeline.py writes. The first network that is called in training mode,
with gradients and with parameters to train, has the steps, and when it is gone the next; its calls in evaluation mode are steps
of their own kind. A process that trains none writes nothing. Nothing is raised into the script, and nothing is kept in the
network: only its class is changed.
"""

import atexit
import functools
import os
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

TRAIN, EVAL = "TRAIN", "EVAL"
DATA_WAIT, FORWARD, BACKWARD, OPTIMIZER = "DataWait", "Forward", "Backward", "Optimizer"
PHASES = (f"Step:ModeKeys.{TRAIN}", f"Step:ModeKeys.{EVAL}", DATA_WAIT, FORWARD, BACKWARD, OPTIMIZER)
"""As contract.timeline names them."""
ROW_BYTES = 150


class StepTimeline:
    """Measures the steps and writes them below `folder`. `host`: the node's name in the files, such as algo-1.

    `torch`: the module, just imported. A file is closed when it is `rotate_seconds` old or has about `rotate_bytes`.
    """

    def __init__(self, torch: Any, *, folder: str, host: str, rotate_seconds: float, rotate_bytes: int) -> None:
        self.torch, self.folder, self.host = torch, folder, host
        self.rotate = rotate_seconds, rotate_bytes // ROW_BYTES
        self.zero, self.epoch = time.perf_counter(), time.time()
        self.flushed = self.zero
        self.network: Callable[[], Any] = lambda: None
        self.classes: set[type] = set()
        self.inside = self.off = False
        self.next_number = {TRAIN: 0, EVAL: 0}
        self.rows: list[str] = []
        self.forget()
        os.register_at_fork(after_in_child=self.forget)
        atexit.register(self.safely, self.close)
        self.time_calls(torch.utils.data.dataloader._BaseDataLoaderIter, "__next__", DATA_WAIT)
        self.time_calls(torch.autograd, "backward", BACKWARD)
        optimizer: Any = sys.modules[torch.optim.Optimizer.__module__]
        optimizer.register_optimizer_step_pre_hook(lambda *_: self.safely(self.before_optimizer))
        optimizer.register_optimizer_step_post_hook(lambda *_: self.safely(self.after_optimizer))
        self.look_out()

    def forget(self) -> None:
        """No step is going on, and none waits to be written: those of before a fork are the parent's."""
        self.mode: str | None = None
        self.number, self.start, self.optimizing = 0, 0.0, 0.0
        self.parts: dict[str, tuple[float, float]] = {}
        """Start and seconds of each part of the step that goes on."""
        self.rows.clear()

    def safely(self, function: Callable[..., object], *given: Any) -> Any:
        """Calls a function of this module. An error ends the measuring, and nothing else."""
        if self.off:
            return None
        try:
            return function(*given)
        except Exception as error:
            self.off = True
            print(f"the step timeline ends here, the script goes on: {error!r}", file=sys.stderr, flush=True)
            return None

    def look_out(self) -> None:
        """Every module's call is looked at from here on, until one is a network in training."""
        self.handle = self.torch.nn.modules.module.register_module_forward_pre_hook(self.before_forward)

    def before_forward(self, module: Any, inputs: Any) -> None:
        """Called before any module, until one of them is a network in training."""
        if self.safely(self.adopt, module):
            self.handle.remove()
            self.safely(self.begin, TRAIN)

    def adopt(self, module: Any) -> bool:
        """Whether the module is a network in training; its calls are steps then, until it is gone: the next may follow it."""
        if not module.training or not self.torch.is_grad_enabled():
            return False
        if not any(parameter.requires_grad for parameter in module.parameters()):
            return False
        self.network = weakref.ref(module, lambda gone: self.safely(self.look_out))
        if type(module) not in self.classes:
            self.classes.add(type(module))
            self.watch(type(module))
        return True

    def watch(self, kind: Any) -> None:
        """Has calls of the class's instances go through here. A hook in the network would be saved and copied with it."""
        own, is_compiling = vars(kind).get("__call__"), self.torch.compiler.is_compiling

        def call(module: Any, *given: Any, **named: Any) -> Any:
            inherited: Any = super(kind, module)
            original = own.__get__(module) if own else inherited.__call__
            # First, and with nothing of this object: torch.compile reads this function as a part of the network.
            if is_compiling() or self.inside or module is not self.network():
                return original(*given, **named)
            self.safely(self.begin, TRAIN if module.training and self.torch.is_grad_enabled() else EVAL)
            self.inside = True
            try:
                return original(*given, **named)
            finally:
                self.inside = False
                self.add(FORWARD, self.start)

        kind.__call__ = call

    def begin(self, mode: str) -> None:
        """A step ends and another begins. What lies between the last step of a mode and another mode is no step."""
        now = time.perf_counter()
        if self.mode == mode:
            self.end(now)
        else:
            self.end(None)
            if mode == EVAL:
                self.next_number[EVAL] += 1  # a gap: two evaluations are not one
        seconds, rows = self.rotate
        if len(self.rows) >= rows or now - self.flushed >= seconds:
            self.flush()
        self.mode, self.number, self.optimizing, self.parts = mode, self.next_number[mode], 0.0, {}
        self.next_number[mode] += 1
        self.start = time.perf_counter()

    def end(self, now: float | None) -> None:
        """The step's rows. `now`: its end; None where no step comes after it: then its forward pass is all that is known."""
        if self.mode is None:
            return
        known = self.parts
        if now is None:
            known = {FORWARD: known[FORWARD]} if FORWARD in known else {}
            now = self.start + sum(seconds for _, seconds in known.values())
        self.row(PHASES[self.mode == EVAL], self.start, now - self.start)
        on_gpu = self.torch.cuda.is_initialized()  # it computes after the calls have returned
        for part, (start, seconds) in known.items():
            if part == DATA_WAIT or not on_gpu:
                self.row(part, start, seconds)

    def row(self, phase: str, start: float, seconds: float) -> None:
        at, length = int((start - self.zero) * 1e6), int(seconds * 1e6)
        self.rows.append(
            f'{{"name":"{phase}","pid":{PHASES.index(phase)},"ph":"X","ts":{at},"dur":{length},'
            f'"args":{{"pid":{os.getpid()},"step_num":"{self.number}","mode":"{self.mode}"}}}}'
        )

    def add(self, part: str, began: float) -> None:
        """Time has passed in a part of the step."""
        start, seconds = self.parts.get(part, (began, 0.0))
        self.parts[part] = start, seconds + time.perf_counter() - began

    def time_calls(self, owner: Any, name: str, part: str) -> None:
        """Measures a function as a part of training steps. The wait for a batch is in the step after which it is asked for."""
        original, is_compiling = getattr(owner, name), self.torch.compiler.is_compiling

        @functools.wraps(original)
        def call(*given: Any, **named: Any) -> Any:
            if is_compiling() or self.mode != TRAIN or self.inside or self.optimizing:
                return original(*given, **named)
            began = time.perf_counter()
            try:
                return original(*given, **named)
            finally:
                self.add(part, began)

        setattr(owner, name, call)

    def before_optimizer(self) -> None:
        self.optimizing = time.perf_counter()

    def after_optimizer(self) -> None:
        """A step that began meanwhile, in an optimizer's closure, does not get its time."""
        if self.optimizing and self.mode == TRAIN:
            self.add(OPTIMIZER, self.optimizing)
        self.optimizing = 0.0

    def close(self) -> None:
        """Writes what is left at the process's end."""
        self.end(None)
        self.mode = None
        self.flush()
        self.off = True

    def flush(self) -> None:
        """Writes the rows to a file of their own, aside first: whoever reads the folder finds it whole or not at all."""
        self.flushed = time.perf_counter()
        rows = [*self.heads(), *self.rows]
        if not self.rows or self.torch.utils.data.get_worker_info() is not None:  # a loader's worker may call networks, too
            return
        self.rows.clear()
        end = self.epoch + self.flushed - self.zero
        folder = f"{self.folder}/framework/pevents/{time.strftime('%Y%m%d%H', time.gmtime(end))}"
        name = f"{int(end * 1e6)}_{os.getpid()}-{self.host}_pythontimeline.json"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/.{name}.tmp", "w", encoding="ascii") as file:
            file.write("[\n" + ",\n".join(rows) + "\n]\n")
        os.replace(f"{folder}/.{name}.tmp", f"{folder}/{name}")

    def heads(self) -> list[str]:
        """The names of the phases, which stand where Chrome has processes; the first tells what times are counted from."""
        since = f',"start_time_since_epoch_in_micros":{int(self.epoch * 1e6)}'
        found = []
        for number, phase in enumerate(PHASES):
            arguments = f'{{"name":"{phase}"{since if number == 0 else ""}}}'
            found.append(f'{{"name":"process_name","ph":"M","pid":{number},"args":{arguments}}}')
            found.append(f'{{"name":"process_sort_index","ph":"M","pid":{number},"args":{{"sort_index":{number}}}}}')
        return found
