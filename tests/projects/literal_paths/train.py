"""Knows SageMaker's folders by heart: reads hyperparameters.json itself, takes up a checkpoint, writes a failure file."""

import json
import os
import sys
import traceback

import torch
import torch.nn as nn
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

prefix = "/opt/ml/"
input_path = prefix + "input/data"
output_path = os.path.join(prefix, "output")
model_path = os.path.join(prefix, "model")
checkpoint_path = "/opt/ml/checkpoints"
param_path = os.path.join(prefix, "input/config/hyperparameters.json")


class Dogs(Dataset):
    def __init__(self, folder):
        self.files = []
        self.classes = sorted(os.listdir(folder))
        for number, name in enumerate(self.classes):
            for file in os.listdir(os.path.join(folder, name)):
                self.files.append((os.path.join(folder, name, file), number))
        self.change = transforms.Compose([transforms.Resize(36, Image.LANCZOS), transforms.CenterCrop(32), transforms.ToTensor()])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        path, label = self.files[i]
        with open(path, "rb") as f:
            return self.change(Image.open(f).convert("RGB")), label


def train():
    with open(param_path, "r") as tc:
        params = json.load(tc)
    print("Starting the training with", sorted(params))
    epochs = int(params.get("epochs", 1))
    batch_size = int(params.get("batch-size", 4))
    data = Dogs(os.path.join(input_path, "train"))
    check = Dogs(os.path.join(input_path, "valid"))
    model = torchvision.models.resnet18(False, num_classes=len(data.classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=float(params.get("lr", 0.001)))
    criterion = nn.CrossEntropyLoss()
    start = 0
    os.makedirs(checkpoint_path, exist_ok=True)
    last = os.path.join(checkpoint_path, "last.pt")
    if os.path.exists(last):
        saved = torch.load(last)
        model.load_state_dict(saved["model_state_dict"])
        optimizer.load_state_dict(saved["optimizer_state_dict"])
        start = saved["epoch"] + 1
        print("Resuming from epoch", start)
    for epoch in range(start, epochs):
        model.train()
        for x, y in DataLoader(data, batch_size=batch_size, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for x, y in DataLoader(check, batch_size=batch_size):
                right += (model(x).argmax(1) == y).sum().item()
        print("Epoch {}: Loss: {:.4f}; Accuracy ({:.0f}%)".format(epoch, loss.item(), 100.0 * right / len(check)))
        torch.save({"epoch": epoch, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict()}, last)
    os.makedirs("/opt/ml/output/data", exist_ok=True)
    with open("/opt/ml/output/data/result.json", "w") as f:
        json.dump({"accuracy": right / len(check)}, f)
    torch.save({"classes": data.classes, "state": model.cpu().state_dict()}, "/opt/ml/model/model.pt")
    print("Training complete.")


if __name__ == "__main__":
    try:
        train()
        sys.exit(0)
    except Exception as e:
        trc = traceback.format_exc()
        with open(os.path.join(output_path, "failure"), "w") as s:
            s.write("Exception during training: " + str(e) + "\n" + trc)
        print("Exception during training: " + str(e) + "\n" + trc, file=sys.stderr)
        sys.exit(255)
