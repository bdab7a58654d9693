"""A script that knows nothing of Debugger: a network of its own, two phases, a logger without handlers, names that are gone."""

import argparse
import json
import logging
import os

import numpy as np
import torch
from PIL import Image
from torchvision import datasets, transforms
from tqdm import tqdm

from helpers.network import Net

logger = logging.getLogger("training")
logger.setLevel(logging.INFO)


def epoch_of(phase, model, loader, criterion, optimizer):
    model.train(phase == "train")
    losses = []
    for inputs, labels in tqdm(loader):
        with torch.set_grad_enabled(phase == "train"):
            loss = criterion(model(inputs), labels)
        if phase == "train":
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return np.asarray(losses, dtype=np.float).mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--patience", type=int, default=2)
    args, _ = parser.parse_known_args()
    channels = {phase: os.environ[f"SM_CHANNEL_{name}"] for phase, name in (("train", "TRAIN"), ("valid", "VALID"))}
    change = transforms.Compose(
        [
            transforms.Lambda(lambda picture: picture.resize((24, 24), Image.ANTIALIAS)),
            transforms.CenterCrop(24),
            transforms.ToTensor(),
        ]
    )
    sets = {phase: datasets.ImageFolder(folder, change) for phase, folder in channels.items()}
    model, criterion = Net(len(sets["train"].classes)), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=float(json.loads(os.environ["SM_HPS"]).get("lr", 0.01)))
    best, waited = float("inf"), 0
    for number in range(args.epochs):
        for phase, pictures in sets.items():
            loss = epoch_of(
                phase, model, torch.utils.data.DataLoader(pictures, batch_size=6, num_workers=0), criterion, optimizer
            )
            logger.info("%s loss: %.4f", phase, loss)
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited >= args.patience:
            break
    torch.jit.script(model).save(os.path.join(os.environ["SM_MODEL_DIR"], "model.pt"))
    with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "best.json"), "w") as file:
        json.dump({"loss": best}, file)
