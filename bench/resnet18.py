"""The artefact that serving benchmarks load: ResNet18 with ImageNet's weights, in every precision. Nothing is measured here."""

from pathlib import Path

from contract import manifest
from contract.pictures.picture import open_picture
from contract.pictures.preprocess import prepare
from contract.precision import PRECISIONS, Precision
from tests.support import artefact


def quantised(weights: Path, train: Path) -> Path:
    """ResNet18 with an int8 network made from train pictures, as the training program makes it; every precision accepted."""
    base = artefact.imagenet(weights)
    spec = manifest.read(base / "model").preprocessing
    found = sorted(train.rglob("*.jpg"))
    chosen = [found[at * len(found) // 100] for at in range(100)]
    prepared = [prepare(open_picture(path, shorter_side=spec.resize), spec)[None] for path in chosen]
    artefact.rewrite(base, lambda folder: artefact.quantise(folder, prepared), precision=Precision(accepted=PRECISIONS))
    return base
