"""The demo's command line: what is wrong is named before anything is started."""

from pathlib import Path

import pytest

from scripts.config import DRAWN, PHOTOGRAPHS, demo_config, inherited_environment
from scripts.errors import LaunchError


def test_the_drawn_set_is_the_default() -> None:
    config = demo_config([])
    assert config.data is None and config.hyperparameters == {"seed": "0"} | DRAWN


def test_weights_choose_a_head_on_a_pretrained_network(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / split).mkdir()
    (tmp_path / "weights.pth").touch()
    config = demo_config(
        ["--data", str(tmp_path), "--weights", str(tmp_path / "weights.pth"), "--set", "epochs=1", "--seed", "3"]
    )
    assert config.hyperparameters == {"seed": "3"} | PHOTOGRAPHS | {"epochs": "1"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--weights", "/no/such.pth"], "WEIGHTS=/no/such.pth: no such file"),
        (["--data", "/no/such"], "DATA=/no/such: no folder 'train'"),
        (["--set", "epochs"], "need NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], words: str) -> None:
    with pytest.raises(LaunchError, match=words):
        demo_config(arguments)


def test_credentials_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert not [name for name in inherited_environment() if name.startswith("AWS")]
