"""A classifier's artefact: whole, or the file at fault is named."""

from pathlib import Path

import pytest

from contract.errors import ContractError
from serve import artefact as subject
from tests.support import artefact


def test_a_whole_artefact_is_told_and_a_damaged_one_refused(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    assert subject.verified(base / "model") == {"architecture": "squeezenet1_1", "classes": 5}
    weights = base / "model" / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ContractError, match=r"model\.bin"):
        subject.verified(base / "model")
