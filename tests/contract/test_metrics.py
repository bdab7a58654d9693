"""The table of metrics: what is printed is what the regexes find."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import metrics

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite)
def test_every_printed_value_is_found_by_its_regex_and_no_other(value: float) -> None:
    for row in metrics.METRICS:
        line = row.line(value)
        for other in metrics.METRICS:
            hits = re.findall(other.regex, line)
            assert (len(hits) == 1) == (other is row)
        found = float(re.findall(row.regex, line)[0])
        assert math.isclose(found, value, rel_tol=1e-5, abs_tol=1e-300)


def test_not_finite_is_refused() -> None:
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="finite"):
            metrics.METRICS[0].line(value)


def test_definitions_keep_to_sagemakers_limits() -> None:
    rows = metrics.definitions()
    assert 1 <= len(rows) <= 40 and len({row["Name"] for row in rows}) == len(rows)
    assert all(len(row["Name"]) <= 255 and 1 <= len(row["Regex"]) <= 500 for row in rows)
    assert metrics.OBJECTIVE in {row["Name"] for row in rows}


def test_scan_reads_a_log() -> None:
    log = "noise\nmetric validation:loss=0.5;\nmetric validation:loss=2.5e-05;\nmetric train:loss=1;\n"
    assert metrics.scan(log)["validation:loss"] == [0.5, 2.5e-05]
    with pytest.raises(KeyError, match="train:loss"):
        metrics.metric("loss")
