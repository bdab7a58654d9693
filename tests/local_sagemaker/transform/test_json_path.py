"""The JSONPath of DataProcessing: what each step selects, and what is refused. Of local_sagemaker.transform.json_path."""

from typing import Any

import pytest

from local_sagemaker.transform.json_path import BadPath, JsonPath, NotThere

RECORD = {"id": 7, "a b": 1, "in": {"x": [1, 2, 3], "y": None}, "rows": [{"n": 1}, {"n": 2}]}
ROW = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("path", "value", "selected"),
    [
        ("$", RECORD, RECORD),
        ("$.id", RECORD, 7),
        ("$.in.x", RECORD, [1, 2, 3]),
        ("$['a b']", RECORD, 1),
        ("$.['id']", RECORD, 7),
        ('$["id"]', RECORD, 7),
        ("$['id','in']", RECORD, {"id": 7, "in": RECORD["in"]}),
        ("$.['id', 'a b']", RECORD, {"id": 7, "a b": 1}),
        ("$.in.*", RECORD, [[1, 2, 3], None]),
        ("$.rows[*].n", RECORD, [1, 2]),
        ("$.rows[0].n", RECORD, 1),
        ("$.rows[0:].n", RECORD, [1, 2]),
        ("$[0]", ROW, "a"),
        ("$[-1]", ROW, "d"),
        ("$[0,-1]", ROW, ["a", "d"]),
        ("$[1:]", ROW, ["b", "c", "d"]),
        ("$[:2]", ROW, ["a", "b"]),
        ("$[1:3]", ROW, ["b", "c"]),
        ("$[:-1]", ROW, ["a", "b", "c"]),
        ("$[0,2:]", ROW, ["a", "c", "d"]),
        ("$[*]", ROW, ROW),
        ("$[7:]", ROW, []),
    ],
)
def test_a_path_selects(path: str, value: Any, selected: Any) -> None:
    assert JsonPath.parse(path).select(value) == selected


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("$.no", RECORD, "the object has no 'no'"),
        ("$.id.x", RECORD, "'x' is looked for in a number"),
        ("$.in.y.z", RECORD, "'z' is looked for in null"),
        ("$[4]", ROW, "there is no index 4 in an array of 4"),
        ("$[-5]", ROW, "there is no index -5 in an array of 4"),
        ("$[0]", RECORD, "an index is looked for in an object"),
        ("$.*", 5, r"\* is looked for in a number"),
    ],
)
def test_what_is_not_there_is_named(path: str, value: Any, words: str) -> None:
    with pytest.raises(NotThere, match=words):
        JsonPath.parse(path).select(value)


@pytest.mark.parametrize(
    "path",
    ["", "id", "$..id", "$[", "$[]", "$[1:2:3]", "$[1,]", "$[?(@.n>1)]", "$.", "$['a','b'].c", "$ ", "$[,]", "$['a]", "$[--1]"],
)
def test_what_is_no_such_path_is_refused(path: str) -> None:
    with pytest.raises(BadPath, match=r"does not begin|is not understood|goes on after"):
        JsonPath.parse(path)
