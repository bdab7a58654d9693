"""Inputs: pixels are normalised as in serving, features are what they are."""

import numpy as np
import torch

from contract.pictures.preprocess import Preprocessing, normalise
from train.data.inputs import Inputs
from train.data.loader import Batch


def test_pixels_become_what_serving_makes_of_them() -> None:
    spec = Preprocessing(resize=10, crop=8)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    made = Inputs(spec, torch.device("cpu")).of(Batch(torch.from_numpy(pixels), torch.zeros(3)))
    assert np.allclose(made.numpy(), np.stack([normalise(picture, spec) for picture in pixels]), atol=1e-6)
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_features_pass_as_they_are() -> None:
    values = torch.randn(3, 5)
    assert torch.equal(Inputs(None, torch.device("cpu")).of(Batch(values, torch.zeros(3))), values)
