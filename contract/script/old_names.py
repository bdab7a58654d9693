"""Gives scripts written for the PyTorch images of 2020 to 2023 what those images had, in the Python that runs this file.

It is run by its path, in an environment that may be another one; only the standard library is used, and nothing is imported that
the script does not import itself. Each function says what it gives, and since which version it is gone.
"""

import functools
import importlib.machinery
import importlib.util
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, cast


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


def main(functions: Mapping[str, Callable[[Any], object]]) -> None:
    """Does it. `functions`: what else is called with a module, just after that is imported."""
    logging_without_handler()
    own: dict[str, Callable[[Any], object]] = {
        "numpy": numpy_names,
        "PIL.Image": pillow_names,
        "torch.optim.lr_scheduler": scheduler_verbose,
        "torch.utils.data.dataloader": loader_next,
        "torchvision.models.inception": inception,
    }
    for name, function in own.items():
        if name in sys.modules:
            function(sys.modules[name])
    sys.meta_path.insert(0, AfterImport({**own, **functions}))
