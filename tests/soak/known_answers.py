"""What the small artefact says of each picture, computed by PyTorch beside the serving program: not by its code, and once."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file

from contract import manifest
from contract.label import label
from contract.pictures.picture import FORMATS, open_picture
from contract.pictures.preprocess import prepare
from tests.support import drawn_dogs

ROUNDING = 1e-3
"""Of a probability: two libraries that add in another order."""


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """`ranked`: (class, its person's name, probability) of every class, the most probable first."""

    body: bytes
    content_type: str
    ranked: list[tuple[str, str, float]]

    def matches(self, found: list[tuple[str, str, float]], count: int) -> bool:
        """Whether these are the best `count`. Two classes that are as probable as each other may change places."""
        right = self.ranked[:count]
        names = {name: (shown, probability) for name, shown, probability in self.ranked}
        return len(found) == len(right) and all(
            abs(probability - wanted) < ROUNDING
            and names.get(name, ("", 2.0))[0] == shown
            and abs(names[name][1] - probability) < ROUNDING
            for (name, shown, probability), (_, _, wanted) in zip(found, right, strict=True)
        )


def known_pictures(base: Path, count: int = 8) -> list[KnownPicture]:
    """Drawn dogs in each format that is served, with the answers of the artefact below `base`."""
    about = manifest.read(base / "model")
    network = torchvision.models.get_model(about.architecture, weights=None, num_classes=len(about.classes)).eval()
    network.load_state_dict(load_file(base / "model" / manifest.WEIGHTS))
    known = []
    for body in (form for picture in drawn_dogs.pictures(count) for form in _in_each_format(picture)):
        values = prepare(open_picture(body[0], shorter_side=about.preprocessing.resize), about.preprocessing)
        with torch.inference_mode():
            probabilities = network(torch.from_numpy(values[None])).double().softmax(1)[0].numpy()
        order = np.argsort(-probabilities, kind="stable")
        ranked = [(about.classes[place], label(about.classes[place]), float(probabilities[place])) for place in order]
        known.append(KnownPicture(*body, ranked))
    return known


def _in_each_format(picture: bytes) -> list[tuple[bytes, str]]:
    forms = []
    for name, content_type in FORMATS.items():
        buffer = io.BytesIO()
        Image.open(io.BytesIO(picture)).save(buffer, name)
        forms.append((buffer.getvalue(), content_type))
    return forms
