"""The network's input, made from a loader's batch: on the network's device, as normalised float32."""

import torch

from contract.pictures.preprocess import Preprocessing, affine
from train.data.loader import Batch


class Inputs:
    """Moves batches to a device and normalises them. `spec`: how; None where batches hold features, which stay as they are."""

    def __init__(self, spec: Preprocessing | None, device: torch.device) -> None:
        self.device = device
        self._affine = None if spec is None else tuple(torch.from_numpy(values).to(device) for values in affine(spec))

    def of(self, batch: Batch) -> torch.Tensor:
        """The input of a batch: uint8 [n, side, side, 3] becomes float32 [n, 3, side, side] in torch's channels_last order."""
        values = batch.pixels.to(self.device, non_blocking=True).to(torch.float32)
        if self._affine is None:
            return values
        scale, shift = self._affine
        return (values * scale - shift).permute(0, 3, 1, 2)
