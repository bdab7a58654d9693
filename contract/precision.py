"""The arithmetic a network may be served in: what the end of training measured, and what of it is good enough.

The training program judges (`judged`), the serving program takes the fastest accepted precision that its processor can do.
An artefact without this record, made before there was one, is served in float32.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.errors import ArtefactError

PRECISIONS = ("int8", "bfloat16", "float32")
"""The fastest first."""
GRAPHS = {"int8": "model-int8.xml", "bfloat16": "model.xml", "float32": "model.xml"}
"""OpenVINO's file for each; its weights lie beside it, in the .bin of the same name."""
ALLOWED_FALL = 0.005
"""How much of the validation split's top-1 accuracy a faster precision may cost: half a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """`accepted`: what may be served, the fastest (the choice) first; float32 always may.

    `accuracy`: top-1 on the validation split of everything that was tried. `pictures`: how many of that split were asked.
    `calibration`: how many pictures of the train split int8's ranges come from.
    """

    accepted: tuple[str, ...] = ("float32",)
    accuracy: Mapping[str, float] = field(default_factory=dict)
    pictures: int = 0
    calibration: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "accepted": list(self.accepted),
            "accuracy": dict(self.accuracy),
            "pictures": self.pictures,
            "calibration": self.calibration,
        }

    @classmethod
    def from_json(cls, value: Any) -> "Precision":
        """Raises ArtefactError for a field that is missing, unknown or of the wrong kind."""
        if not isinstance(value, dict) or set(value) != {"accepted", "accuracy", "pictures", "calibration"}:
            raise ArtefactError("precision: need exactly accepted, accuracy, pictures and calibration")
        accepted, accuracy = value["accepted"], value["accuracy"]
        if not isinstance(accepted, list) or accepted != [name for name in PRECISIONS if name in accepted]:
            raise ArtefactError(
                f"precision: accepted is {str(accepted)[:80]}; need some of {', '.join(PRECISIONS)}, in this order"
            )
        if "float32" not in accepted:
            raise ArtefactError("precision: accepted lacks float32, which always may be served")
        if not isinstance(accuracy, dict) or not all(_is_share(number) for number in accuracy.values()):
            raise ArtefactError("precision: accuracy must be an object of numbers from 0 to 1")
        for name in ("pictures", "calibration"):
            if not isinstance(value[name], int) or isinstance(value[name], bool) or value[name] < 0:
                raise ArtefactError(f"precision: {name} is {str(value[name])[:80]!r}; need a whole number")
        return cls(**(value | {"accepted": tuple(accepted)}))


def judged(accuracy: Mapping[str, float], pictures: int, calibration: int) -> Precision:
    """The record of what was tried. Everything but float32 must come within ALLOWED_FALL of it."""
    least = accuracy["float32"] - ALLOWED_FALL - 1e-9
    accepted = tuple(name for name in PRECISIONS if name in accuracy and accuracy[name] >= least)
    return Precision(accepted=accepted, accuracy=accuracy, pictures=pictures, calibration=calibration)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
