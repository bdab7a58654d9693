"""The names in a training's step timeline, which is made of smdebug's framework events, for its writer and its readers."""

DATA_WAIT, COPY, FORWARD, BACKWARD, OPTIMIZER = PARTS = ("DataWait", "Copy", "Forward", "Backward", "Optimizer")
"""The parts of a step, in their order."""
TRAIN, EVAL = "TRAIN", "EVAL"
"""smdebug's modes."""


def step_phase(mode: str) -> str:
    """The phase of whole steps of a mode, as smdebug's own hook calls it."""
    return f"Step:ModeKeys.{mode}"
