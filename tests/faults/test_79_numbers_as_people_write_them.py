"""Row 79. `.001`, `1.`, `+0.001`, `1.0` for a whole number, `1E-3`: taken; what does not fit is refused."""

import pytest

from train.config import parse
from train.errors import ConfigError

TAKEN = [
    ("lr", ".001", 0.001),
    ("lr", "1.", 1.0),
    ("lr", "+0.001", 0.001),
    ("lr", "1E-3", 0.001),
    ("lr", "+.5e-2", 0.005),
    ("lr", '".001"', 0.001),
    ("lr", " 0.01 ", 0.01),
    ("epochs", "1.0", 1),
    ("epochs", 3.0, 3),
    ("epochs", "+3", 3),
    ("epochs", "1e2", 100),
    ("epochs", "10000.", 10_000),
    ("processes", "2.0", 2),
    ("loader-workers", "+1", 1),
]
REFUSED = [
    ("lr", "nan", "is not a number above 0"),
    ("lr", "inf", "is not a number above 0"),
    ("lr", "1e400", "is not a number above 0"),
    ("lr", "0x10", "is not a number above 0"),
    ("lr", ".", "is not a number above 0"),
    ("lr", "1_000", "is not a number above 0"),
    ("epochs", "1.5", "is not a whole number"),
    ("epochs", "10001.0", "is not a whole number from 1 to 10000"),
    ("epochs", "1e400", "is not a whole number"),
    ("epochs", "-0", "is not a whole number from 1"),
]


@pytest.mark.parametrize(("name", "written", "value"), TAKEN)
def test_a_number_is_taken_as_people_write_it(name: str, written: object, value: float) -> None:
    found = getattr(parse({name: written}), name.replace("-", "_"))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("name", "written", "told"), REFUSED)
def test_what_does_not_fit_is_still_refused(name: str, written: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse({name: written})
