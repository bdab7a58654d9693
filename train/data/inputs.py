"""From a batch, as a loader gives it, to the network's input on its device. Decodes nothing and augments nothing."""

import torch

from contract.preprocess import Preprocessing, affine
from train.data.loader import Batch


class Inputs:
    """`spec`: how pixels are normalised; None where batches hold features, which are the input as they are. `device`: where the
    network is."""

    def __init__(self, spec: Preprocessing | None, device: torch.device) -> None:
        self.device = device
        self._affine = None if spec is None else tuple(torch.from_numpy(values).to(device) for values in affine(spec))

    def of(self, batch: Batch) -> torch.Tensor:
        """Pixels arrive as [n, side, side, 3]; seen as [n, 3, side, side] that is torch's channels_last."""
        values = batch.pixels.to(self.device, non_blocking=True).to(torch.float32)
        if self._affine is None:
            return values
        scale, shift = self._affine
        return (values * scale - shift).permute(0, 3, 1, 2)
