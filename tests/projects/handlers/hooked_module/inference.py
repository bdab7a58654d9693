import os

import numpy as np
import torch


def model_fn(model_dir):
    return torch.load(os.path.join(model_dir, "model"), map_location=torch.device("cpu")).eval()


def predict_fn(data, model):
    with torch.no_grad():
        return model(data.float()).argmax(1).numpy().astype(np.int64)
