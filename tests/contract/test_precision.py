"""What may be served: the rule of half a point, and a record that is read strictly."""

import math

import pytest

from contract.errors import ArtefactError
from contract.precision import ALLOWED_FALL, GRAPHS, PRECISIONS, Precision, judged


def test_half_a_point_may_be_lost_and_no_more() -> None:
    assert judged({"int8": 0.905, "bfloat16": 0.91, "float32": 0.91}, 200, 300).accepted == ("int8", "bfloat16", "float32")
    assert judged({"int8": 0.904, "bfloat16": 0.91, "float32": 0.91}, 500, 300).accepted == ("bfloat16", "float32")
    assert judged({"int8": 0.5, "float32": 0.91}, 500, 300).accepted == ("float32",)
    assert judged({"int8": 0.95, "float32": 0.91}, 500, 300).accepted == ("int8", "float32"), "better is no reason to refuse"


def test_json_round_trip() -> None:
    made = judged({"int8": 0.905, "float32": 0.91}, 200, 300)
    assert Precision.from_json(made.to_json()) == made
    assert Precision.from_json(Precision().to_json()) == Precision(accepted=("float32",))


def test_every_precision_has_its_graph() -> None:
    assert set(GRAPHS) == set(PRECISIONS) and len(set(GRAPHS.values())) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"accepted": "float32"},
        {"accepted": []},
        {"accepted": ["int8"]},
        {"accepted": ["float32", "int8"]},
        {"accepted": ["float32", "float32"]},
        {"accepted": ["float16", "float32"]},
        {"accepted": [["float32"]]},
        {"accuracy": {"int8": 2}},
        {"accuracy": {"int8": True}},
        {"accuracy": []},
        {"pictures": -1},
        {"calibration": "300"},
        {"more": 1},
    ],
)
def test_a_wrong_field_is_named(change: dict) -> None:
    with pytest.raises(ArtefactError, match=f"precision: .*{'' if 'more' in change else next(iter(change))}"):
        Precision.from_json(Precision().to_json() | change)
    with pytest.raises(ArtefactError, match="precision"):
        Precision.from_json(list(change))


def test_a_fall_of_just_half_a_point_is_one_that_may_be() -> None:
    """With 200 pictures one is half a point; 0.905 to 0.91 is a hair more than that in binary."""
    least = 0.75 - ALLOWED_FALL - 1e-9
    accuracy = {"int8": least, "bfloat16": math.nextafter(least, 0), "float32": 0.75}
    assert judged(accuracy, 200, 300).accepted == ("int8", "float32")
