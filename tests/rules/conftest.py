"""Trained diseases for the rules' tests, each trained once, when the first test asks for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rules.checks.catalog import make
from rules.checks.evaluation import Evaluation, Result
from tests.support import diseases

Trained = Callable[[str], Path]
Evaluate = Callable[..., Result]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The folder of tensors of a function of diseases.py."""
    root, done = tmp_path_factory.mktemp("diseases"), {}

    def folder(name: str) -> Path:
        if name not in done:
            done[name] = getattr(diseases, name)(root / name)
        return done[name]

    return folder


@pytest.fixture(scope="session")
def evaluate(trained: Trained) -> Evaluate:
    """The result of a rule on a disease, or on a folder, with all evidence."""

    def run(rule: str, on: str | Path, **parameters: object) -> Result:
        place = on if isinstance(on, Path) else trained(on)
        given = {name: str(value) for name, value in parameters.items()}
        return Evaluation(rule=make(rule, given), place=str(place), exhaustive=True).run()

    return run
