"""The phases are spelled out here: smdebug's readers know the first, and timelines of older jobs hold them."""

from contract import timeline


def test_parts_and_whole_steps() -> None:
    assert timeline.PARTS == ("DataWait", "Copy", "Forward", "Backward", "Optimizer")
    assert [timeline.step_phase(mode) for mode in (timeline.TRAIN, timeline.EVAL)] == [
        "Step:ModeKeys.TRAIN",
        "Step:ModeKeys.EVAL",
    ]
