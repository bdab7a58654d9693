"""Answers a picture with its three likeliest breeds: the functions that SageMaker's PyTorch image asks for."""

import io
import os

import torch
from PIL import Image
from torchvision import models, transforms


def model_fn(model_dir):
    state = torch.load(os.path.join(model_dir, "model.pth"), map_location="cpu")
    model = models.resnet18(num_classes=len(state["classes"]))
    model.load_state_dict(state["weights"])
    prepare = transforms.Compose(
        [
            transforms.Resize(state["size"]),
            transforms.CenterCrop(state["size"]),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return model.eval(), prepare, state["classes"]


def input_fn(body, content_type):
    if content_type not in ("image/jpeg", "image/png"):
        raise ValueError(f"{content_type}: need image/jpeg or image/png")
    return Image.open(io.BytesIO(body)).convert("RGB")


def predict_fn(picture, model):
    network, prepare, classes = model
    with torch.no_grad():
        shares = network(prepare(picture).unsqueeze(0)).softmax(1)[0]
    best = shares.topk(min(3, len(classes))).indices.tolist()
    return [[classes[index], round(shares[index].item(), 4)] for index in best]
