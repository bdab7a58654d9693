import io
import json
import logging
import os
import sys

import torch
import torch.nn as nn
import torchvision.models as models
from PIL import Image
from torchvision import transforms

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.StreamHandler(sys.stdout))


def net(classes):
    model = models.resnet18(pretrained=False)
    model.fc = nn.Sequential(nn.Linear(model.fc.in_features, 16), nn.ReLU(), nn.Linear(16, classes))
    return model


def model_fn(model_dir):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = net(3).to(device)
    with open(os.path.join(model_dir, "model.pth"), "rb") as f:
        model.load_state_dict(torch.load(f, map_location=device))
    logger.info("model loaded")
    return model.eval()


def input_fn(request_body, content_type="image/jpeg"):
    logger.debug(f"Request body CONTENT-TYPE is: {content_type}, {type(request_body)}")
    if content_type == "image/jpeg":
        return Image.open(io.BytesIO(request_body))
    if content_type == "application/json":
        return Image.new("RGB", tuple(json.loads(request_body)["size"]))
    raise Exception("Requested unsupported ContentType in content_type: {}".format(content_type))


def predict_fn(input_object, model):
    transform = transforms.Compose([transforms.Resize((64, 64)), transforms.ToTensor()])
    with torch.no_grad():
        return model(transform(input_object).unsqueeze(0))
