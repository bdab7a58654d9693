"""The faults of tests/mutants.py name lines and tests that are still there; `make mutants` plants them."""

from tests.mutants import FAULTS, ROOT


def test_each_planted_fault_has_its_line_and_its_tests() -> None:
    for fault in FAULTS:
        assert (ROOT / fault.file).read_text().count(fault.code) == 1, f"{fault}: name the line's successor"
        assert fault.code != fault.fault
        for place in (one.split("::")[0] for one in fault.tests if one.startswith("tests/")):
            assert (ROOT / place).is_file(), f"{fault}: no {place}"
