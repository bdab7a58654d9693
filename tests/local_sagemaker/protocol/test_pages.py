"""Pages that neither repeat nor hide records, whatever is created and deleted between two of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_sagemaker.protocol.pages import filtered, page

KEYS = {
    "Name": lambda record: record["name"],
    "CreationTime": lambda record: record["created"],
}


def name(record: Any) -> str:
    return record["name"]


def records(times: dict[str, float]) -> list[dict[str, Any]]:
    return [{"name": key, "created": value, "status": "Completed"} for key, value in times.items()]


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(0, 3), min_size=1, max_size=12),
    st.sampled_from(["Name", "CreationTime"]),
    st.sampled_from(["Ascending", "Descending"]),
    st.integers(1, 4),
    st.data(),
)
def test_pages_add_up(times: dict[str, float], order: str, direction: str, size: int, data: st.DataObject) -> None:
    request: dict[str, Any] = {"SortBy": order, "SortOrder": direction, "MaxResults": size}
    found: list[str] = []
    left = dict(times)
    while True:
        part, more = page(records(left), request, name, KEYS)
        found += [name(record) for record in part]
        if not more:
            break
        gone = data.draw(st.sampled_from(sorted(left)))
        left.pop(gone)  # a record is deleted between two pages
        request["NextToken"] = more["NextToken"]
    assert len(set(found)) == len(found)
    assert set(left) <= set(found) <= set(times)
    key = (lambda one: (one, one)) if order == "Name" else (lambda one: (times[one], one))
    assert found == sorted(found, key=key, reverse=direction == "Descending")


def test_filters() -> None:
    some = records({"one-a": 1.0, "two-a": 2.0, "three": 3.0})
    assert [name(one) for one in filtered(some, {"NameContains": "A"}, name)] == ["one-a", "two-a"]
    assert [name(one) for one in filtered(some, {"CreationTimeAfter": 1.0, "CreationTimeBefore": 3.0}, name)] == ["two-a"]
    assert filtered(some, {"StatusEquals": "Failed"}, name) == []


@pytest.mark.parametrize(("count", "size"), [(0, 3), (2, 3), (3, 3), (4, 3), (6, 3), (10, None), (11, None)])
def test_a_full_last_page_has_no_token(count: int, size: int | None) -> None:
    """A token that leads to an empty page makes a reader count a page more than there are."""
    some = records({f"n{number:02}": float(number) for number in range(count)})
    found, more = page(some, {"MaxResults": size} if size else {}, name, KEYS)
    assert len(found) == min(count, size or 10) and bool(more) == (count > (size or 10))


def test_a_time_itself_is_neither_before_nor_after() -> None:
    some = records({"at": 2.0})
    assert filtered(some, {"CreationTimeAfter": 2.0}, name) == filtered(some, {"CreationTimeBefore": 2.0}, name) == []
    assert filtered(some, {"LastModifiedTimeAfter": 2.0}, name) == filtered(some, {"LastModifiedTimeBefore": 2.0}, name) == []
