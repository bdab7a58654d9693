import os

import torch


def model_fn(model_dir):
    return torch.load(os.path.join(model_dir, "model.pth"), map_location="cpu").eval()
