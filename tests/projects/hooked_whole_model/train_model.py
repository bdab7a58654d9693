"""A training script with smdebug's hook: network and loss registered, modes set, the whole module saved and read again."""

import argparse
import os

import smdebug.pytorch as smd
import torch
import torch.nn as nn
import torch.optim as optim
import torchvision.models as models
import torchvision.transforms as transforms
from smdebug.pytorch import get_hook
from torchvision import datasets


def test(model, loader, criterion, hook):
    model.eval()
    hook.set_mode(smd.modes.EVAL)
    total = 0.0
    for inputs, labels in loader:
        total += criterion(model(inputs), labels).item() * inputs.size(0)
    print(f"Testing Loss: {total / len(loader.dataset)}")


def train(model, loader, valid, criterion, optimizer, epochs, hook):
    for epoch in range(epochs):
        model.train()
        hook.set_mode(smd.modes.TRAIN)
        running = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f"Epoch {epoch}, Loss: {running / len(loader)}")
        test(model, valid, criterion, hook)


def main(args):
    transform = transforms.Compose([transforms.Resize((32, 32)), transforms.ToTensor()])
    data = {split: datasets.ImageFolder(os.path.join(args.data_dir, split), transform) for split in ("train", "valid")}
    loader, valid = (torch.utils.data.DataLoader(data[split], batch_size=args.batch_size) for split in ("train", "valid"))
    model = models.resnet18(weights=None, num_classes=len(data["train"].classes))
    criterion = nn.CrossEntropyLoss()
    hook = smd.Hook.create_from_json_file()
    hook.register_module(model)
    hook.register_loss(criterion)
    train(model, loader, valid, criterion, optim.Adam(model.parameters(), lr=args.learning_rate), args.epochs, hook)
    path = "/opt/ml/model/model.pth"
    torch.save(models.resnet18(weights=None), path)
    torch.load(path)
    assert get_hook() is hook


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch_size", type=int)
    parser.add_argument("--learning_rate", type=float)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--data_dir", default=os.path.join(os.environ["SM_INPUT_DIR"], "data"))
    main(parser.parse_args())
