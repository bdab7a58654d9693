"""Run as a program: a ResNet18 that was trained with smdebug's hooks on it, saved in every way a person might.

Writes into the folder given: the pickled networks, `plain.safetensors` with the weights they must give back, and
`answers.pt` with pictures (uint8 [3, 64, 64, 3]) and what the network answers to them.
"""

import pickle
import sys
from pathlib import Path

import smdebug.pytorch as smdebug
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.transforms.functional import normalize

folder = Path(sys.argv[1])
torch.manual_seed(3)
network = models.resnet18(num_classes=3)
hook = smdebug.Hook(out_dir=str(folder / "tensors"))
hook.register_module(network)
loss = nn.CrossEntropyLoss()
hook.register_loss(loss)
optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
for _ in range(2):
    loss(network(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    optimiser.step()
hook.close()

plain = models.resnet18(num_classes=3)
plain.load_state_dict(network.state_dict())
plain.eval()
save_file(plain.state_dict(), folder / "plain.safetensors")
pixels = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
pictures = normalize(pixels.permute(0, 3, 1, 2) / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
with torch.no_grad():
    torch.save((pixels, plain(pictures)), folder / "answers.pt")

torch.save(network, folder / "hooked.pth")
torch.save(network, folder / "old.pth", _use_new_zipfile_serialization=False)
(folder / "bare.pkl").write_bytes(pickle.dumps(network))
torch.save({"net": nn.DataParallel(network), "optimizer": optimiser.state_dict(), "epoch": 3}, folder / "checkpoint.pth")
torch.save({f"module.{name}": value for name, value in network.state_dict().items()}, folder / "state.pth")
torch.save({"model": network.state_dict(), "ema": models.resnet18(num_classes=3).state_dict()}, folder / "two.pth")
torch.save({"model": network.half().state_dict(), "ema": network.state_dict()}, folder / "half.pth")
