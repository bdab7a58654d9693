"""A class folder's name as a person reads it."""

import pytest

from contract.label import label


@pytest.mark.parametrize(
    ("name", "shown"),
    [("016.Beagle", "Beagle"), ("076.Golden_retriever", "Golden retriever"), ("cat", "cat"), ("001.", "001."), ("_", "_")],
)
def test_number_and_underscores_go(name: str, shown: str) -> None:
    assert label(name) == shown
