"""CPU time of decoding a picture: what Kennel does, beside plain Pillow, torchvision, simplejpeg and OpenCV; and what it changes.

`python -m bench.decoding [--model FOLDER]`: photographs as they are, and the same made as large as a camera makes them. With a
model artefact it also counts the answers that change when a camera-sized picture is decoded at reduced size, as Kennel does,
instead of whole. simplejpeg and OpenCV are installed under .kennel/bench. Written to bench/results/decoding.json. What it does
not show: PNG and WebP, which only Pillow reads here, or other sizes of picture.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from bench import results
from bench.machine import described
from bench.pictures import DATA, camera_sized, photographs, require
from contract import manifest
from contract.pictures.picture import open_picture
from contract.pictures.preprocess import Preprocessing, crop_pixels

PACKAGES = ("simplejpeg==1.9.0", "opencv-python-headless==5.0.0.93")
SPEC = Preprocessing()
REDUCED = 2 * SPEC.resize
"""Pixels of the shorter side that a reduced decoding keeps at least: twice what is needed, so that scaling down stays exact."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, default=DATA / "dogs" / "test")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", type=Path, help="a model artefact's folder, to compare answers with")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    require(parser, given.pictures)
    if not given.inside:
        from bench.peers import environment

        command = [str(environment(*PACKAGES)), "-m", "bench.decoding", "--inside", *sys.argv[1:]]
        return subprocess.run(command, check=False).returncode
    small = photographs(given.pictures, 100)
    large = [camera_sized(body, seed) for seed, body in enumerate(small[::10])]
    facts: dict[str, object] = {
        "machine": described(),
        "cpu_ms": {"photographs": _times(small, given.rounds), "camera": _times(large, given.rounds)},
        "mean_bytes": {"photographs": round(statistics.mean(map(len, small))), "camera": round(statistics.mean(map(len, large)))},
    }
    if given.model:
        facts["camera_sized_answers"] = _answers(given.model, photographs(given.pictures, 40))
    results.write("decoding", facts)
    print(json.dumps(facts, indent=2))
    return 0


def _decoders() -> dict[str, Callable[[bytes], object]]:
    import cv2
    import simplejpeg
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    def bytes_of(body: bytes) -> np.ndarray:
        return np.frombuffer(body, np.uint8)

    def reduced_by_opencv(body: bytes) -> np.ndarray:
        short = min(simplejpeg.decode_jpeg_header(body)[:2])
        flags = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
        factor = next((factor for factor in flags if short >= factor * REDUCED), 1)
        return cv2.imdecode(bytes_of(body), flags.get(factor, cv2.IMREAD_COLOR))

    return {
        "Kennel (Pillow, reduced)": lambda body: open_picture(body, shorter_side=SPEC.resize),
        "Pillow, whole": lambda body: Image.open(io.BytesIO(body)).convert("RGB"),
        "torchvision, whole": lambda body: decode_jpeg(torch.frombuffer(bytearray(body), dtype=torch.uint8), ImageReadMode.RGB),
        "simplejpeg, whole": simplejpeg.decode_jpeg,
        "simplejpeg, reduced": lambda body: simplejpeg.decode_jpeg(body, min_height=REDUCED, min_width=REDUCED, min_factor=1),
        "OpenCV, whole": lambda body: cv2.imdecode(bytes_of(body), cv2.IMREAD_COLOR_RGB),
        "OpenCV, reduced": reduced_by_opencv,
    }


def _times(bodies: list[bytes], rounds: int) -> dict[str, float]:
    """CPU milliseconds a picture: the median of rounds in turn."""
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, decode in _decoders().items():
            start = time.process_time()
            for body in bodies:
                decode(body)
            seen.setdefault(name, []).append((time.process_time() - start) * 1000 / len(bodies))
    return {name: round(statistics.median(values), 2) for name, values in seen.items()}


def _answers(folder: Path, bodies: list[bytes]) -> dict[str, float]:
    """How many camera-sized pictures get another class, and the largest change of a logit, when they are decoded whole."""
    from serve.engines import engine

    model = manifest.verify(folder)
    spec, loaded = model.preprocessing, engine.load("openvino", folder, model, threads=1, gpu=None)
    changed, worst = 0, 0.0
    for seed, body in enumerate(bodies):
        large = camera_sized(body, seed)
        whole = Image.open(io.BytesIO(large)).convert("RGB")
        reduced = open_picture(large, shorter_side=spec.resize)
        first, second = (loaded.predict(crop_pixels(picture, spec)[None])[0] for picture in (whole, reduced))
        changed += int(first.argmax() != second.argmax())
        worst = max(worst, float(np.abs(first - second).max()))
    return {"pictures": len(bodies), "class_changed": changed, "largest_change_of_a_logit": round(worst, 3)}


if __name__ == "__main__":
    sys.exit(main())
