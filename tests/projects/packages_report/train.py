"""A network and packages of its own: hyperparameters from SM_HPS, a plateau scheduler, the report as a table."""

import json
import logging
import os
import pickle

import matplotlib

matplotlib.use("Agg")
import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sagemaker
import seaborn as sns
import smdebug.pytorch as smd
import torch
import torch.nn as nn
from sklearn.metrics import classification_report, confusion_matrix
from tabulate import tabulate

from utils.data import DogDataset

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
log = logging.getLogger("train")

HYPERPARAMETERS = json.loads(os.environ["SM_HPS"])
EPOCHS = HYPERPARAMETERS.get("epochs", 2)
BATCH_SIZE = HYPERPARAMETERS.get("batch_size", 6)
CHANNELS = json.loads(os.environ["SM_CHANNELS"])


class ConvBlock(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(), nn.MaxPool2d(2)
        )

    def forward(self, x):
        return self.layers(x)


class DogNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(ConvBlock(3, 8), ConvBlock(8, 16))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(16 * 8 * 8, classes))

    def forward(self, x):
        return self.classifier(self.features(x))


def run(model, loader, criterion, optimizer=None):
    losses, truth, found = [], [], []
    for images, labels in loader:
        outputs = model(images)
        loss = criterion(outputs, labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        losses.append(loss.item())
        truth.extend(labels.numpy().astype(np.int))
        found.extend(outputs.detach().argmax(1).numpy().astype(np.int))
    return np.mean(losses), truth, found


if __name__ == "__main__":
    log.info("sagemaker %s, OpenCV %s", sagemaker.__version__, cv2.__version__)
    log.info("channels %s, hyperparameters %s", CHANNELS, HYPERPARAMETERS)
    sets = {name: DogDataset(os.environ["SM_CHANNEL_" + name.upper()], 32, name == "train") for name in ("train", "valid")}
    loaders = {
        name: torch.utils.data.DataLoader(one, batch_size=BATCH_SIZE, shuffle=name == "train") for name, one in sets.items()
    }
    images, _ = iter(loaders["train"]).next()
    log.info("a batch has the shape %s", tuple(images.shape))
    model = DogNet(len(sets["train"].classes))
    hook = smd.get_hook(create_if_not_exists=True)
    if hook:
        hook.register_module(model)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=HYPERPARAMETERS.get("lr", 0.01), momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", patience=1, verbose=True)
    rows, best_loss = [], np.Inf
    for epoch in range(EPOCHS):
        if hook:
            hook.set_mode(smd.modes.TRAIN)
        model.train()
        train_loss, _, _ = run(model, loaders["train"], criterion, optimizer)
        if hook:
            hook.set_mode(smd.modes.EVAL)
        model.eval()
        with torch.no_grad():
            valid_loss, truth, found = run(model, loaders["valid"], criterion)
        scheduler.step(valid_loss)
        if valid_loss < best_loss:
            best_loss = valid_loss
            torch.save(model.state_dict(), os.path.join(os.environ["SM_MODEL_DIR"], "model.pt"))
        rows.append({"epoch": epoch, "train_loss": train_loss, "valid_loss": valid_loss})
        log.info("epoch %d train loss: %.4f average test loss: %.4f", epoch, train_loss, valid_loss)
    history = pd.DataFrame(rows)
    print(tabulate(history, headers="keys", tablefmt="psql"))
    print(classification_report(truth, found, target_names=sets["train"].classes, zero_division=0))
    history.to_csv(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "history.csv"), index=False)
    pd.DataFrame(confusion_matrix(truth, found)).to_csv(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "confusion.csv"))
    sns.heatmap(confusion_matrix(truth, found), annot=True, fmt="d")
    plt.savefig(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "confusion.png"))
    assert cv2.imread(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "confusion.png")).shape == (480, 640, 3)
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "classes.pkl"), "wb") as f:
        pickle.dump(sets["train"].classes, f)
