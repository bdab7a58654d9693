"""The twelve drawn breeds, as numbers and forms. How a dog is built of them is `dog.py`'s to know.

Breeds differ in proportion, ears, tail and coat pattern, never in colour.
"""

from dataclasses import dataclass
from typing import Literal

Ear = Literal["bat", "button", "drop", "pricked", "rose"]
Tail = Literal["carrot", "club", "curled", "none", "plume", "pompom", "sabre", "stub", "whip"]
Coat = Literal["bib", "curls", "mottled", "saddle", "smooth", "spots", "strands", "stripes"]
Extra = Literal["bangs", "beard", "crest", "feathers", "pompoms", "ruff", "skirt", "tooth", "wavy ears"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breed:
    """What sets one breed apart. Lengths are in the drawing's units; `length` runs from hip to shoulder.

    `tuck`: how far the belly rises towards the hips, as a share of `depth`.
    `fur`: length of the locks on the outline, 0 is smooth.
    """

    name: str
    length: float
    depth: float
    tuck: float
    leg: float
    leg_width: float
    neck: float
    head: float
    snout: float
    snout_depth: float
    ear: Ear
    ear_size: float
    tail: Tail
    coat: Coat
    fur: float = 0.0
    extras: frozenset[Extra] = frozenset()


# fmt: off
BREEDS: tuple[Breed, ...] = (
    Breed(name="Arrow_hound", length=0.84, depth=0.40, tuck=0.66, leg=0.72, leg_width=0.075,
          neck=0.48, head=0.18, snout=0.32, snout_depth=0.13,
          ear="rose", ear_size=1.00, tail="whip", coat="smooth"),
    Breed(name="Bat_bulldog", length=0.54, depth=0.50, tuck=0.05, leg=0.19, leg_width=0.160,
          neck=0.06, head=0.32, snout=-0.04, snout_depth=0.36,
          ear="bat", ear_size=1.00, tail="stub", coat="smooth", extras=frozenset({"tooth"})),
    Breed(name="Broom_terrier", length=0.62, depth=0.40, tuck=0.00, leg=0.22, leg_width=0.130,
          neck=0.22, head=0.21, snout=0.24, snout_depth=0.20,
          ear="pricked", ear_size=0.80, tail="carrot", coat="strands", fur=0.04, extras=frozenset({"beard", "skirt"})),
    Breed(name="Cloud_poodle", length=0.56, depth=0.34, tuck=0.35, leg=0.56, leg_width=0.070,
          neck=0.34, head=0.18, snout=0.26, snout_depth=0.11,
          ear="drop", ear_size=1.10, tail="pompom", coat="curls", extras=frozenset({"pompoms"})),
    Breed(name="Dandelion_crested", length=0.58, depth=0.30, tuck=0.45, leg=0.42, leg_width=0.065,
          neck=0.28, head=0.19, snout=0.18, snout_depth=0.12,
          ear="pricked", ear_size=1.20, tail="plume", coat="mottled", extras=frozenset({"crest"})),
    Breed(name="Domino_dog", length=0.78, depth=0.42, tuck=0.35, leg=0.50, leg_width=0.100,
          neck=0.30, head=0.21, snout=0.22, snout_depth=0.16,
          ear="drop", ear_size=0.90, tail="sabre", coat="spots"),
    Breed(name="Feather_setter", length=0.82, depth=0.40, tuck=0.30, leg=0.44, leg_width=0.090,
          neck=0.28, head=0.20, snout=0.26, snout_depth=0.16,
          ear="drop", ear_size=1.40, tail="plume", coat="smooth", extras=frozenset({"feathers", "wavy ears"})),
    Breed(name="Hallway_hound", length=1.35, depth=0.35, tuck=0.05, leg=0.13, leg_width=0.130,
          neck=0.16, head=0.24, snout=0.30, snout_depth=0.14,
          ear="drop", ear_size=1.20, tail="whip", coat="saddle"),
    Breed(name="Haystack_sheepdog", length=0.72, depth=0.52, tuck=0.00, leg=0.30, leg_width=0.200,
          neck=0.14, head=0.31, snout=0.10, snout_depth=0.26,
          ear="drop", ear_size=0.80, tail="none", coat="strands", fur=0.09, extras=frozenset({"bangs"})),
    Breed(name="Loaf_corgi", length=0.82, depth=0.44, tuck=0.00, leg=0.16, leg_width=0.130,
          neck=0.13, head=0.26, snout=0.15, snout_depth=0.14,
          ear="pricked", ear_size=1.15, tail="stub", coat="bib"),
    Breed(name="Snow_spitz", length=0.56, depth=0.42, tuck=0.10, leg=0.34, leg_width=0.110,
          neck=0.22, head=0.21, snout=0.14, snout_depth=0.12,
          ear="pricked", ear_size=0.75, tail="curled", coat="smooth", fur=0.06, extras=frozenset({"ruff"})),
    Breed(name="Tiger_mastiff", length=0.84, depth=0.58, tuck=0.10, leg=0.38, leg_width=0.170,
          neck=0.22, head=0.34, snout=0.08, snout_depth=0.34,
          ear="button", ear_size=0.90, tail="club", coat="stripes"),
)
# fmt: on
