"""A tuning script: the head of a frozen resnet18, arguments from SM_* variables, a logger of its own, the state dict saved."""

import argparse
import logging
import os
import sys

import torch
import torch.nn as nn
import torch.optim as optim
import torchvision.models as models
import torchvision.transforms as transforms
from PIL import ImageFile
from torchvision import datasets

ImageFile.LOAD_TRUNCATED_IMAGES = True

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.StreamHandler(sys.stdout))


def test(model, test_loader, criterion):
    model.eval()
    loss, corrects = 0.0, 0
    with torch.no_grad():
        for inputs, labels in test_loader:
            outputs = model(inputs)
            loss += criterion(outputs, labels).item() * inputs.size(0)
            corrects += torch.sum(outputs.argmax(1) == labels.data).item()
    total = len(test_loader.dataset)
    logger.info(
        "Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)".format(loss / total, corrects, total, 100 * corrects / total)
    )


def train(model, train_loader, criterion, optimizer, epochs):
    for epoch in range(1, epochs + 1):
        model.train()
        for step, (inputs, labels) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            if step % 2 == 0:
                logger.info(
                    "Train Epoch: {} [{}/{}] Loss: {:.6f}".format(
                        epoch, step * len(inputs), len(train_loader.dataset), loss.item()
                    )
                )
    return model


def net(classes):
    model = models.resnet18(pretrained=False)
    for param in model.parameters():
        param.requires_grad = False
    model.fc = nn.Sequential(nn.Linear(model.fc.in_features, classes))
    return model


def loaders(data, batch_size):
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(32),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    return [
        torch.utils.data.DataLoader(
            datasets.ImageFolder(os.path.join(data, split), transform), batch_size=batch_size, shuffle=True
        )
        for split in ("train", "test")
    ]


def main(args):
    train_loader, test_loader = loaders(args.data, args.batch_size)
    model = net(len(train_loader.dataset.classes))
    criterion = nn.CrossEntropyLoss()
    model = train(model, train_loader, criterion, optim.AdamW(model.fc.parameters(), lr=args.lr, eps=args.eps), args.epochs)
    test(model, test_loader, criterion)
    torch.save(model.cpu().state_dict(), os.path.join(args.model_dir, "model.pth"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=8, metavar="N")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--eps", type=float, default=1e-8)
    parser.add_argument("--data", type=str, default=os.path.dirname(os.environ["SM_CHANNEL_TRAIN"]))
    parser.add_argument("--hosts", type=list, default=os.environ["SM_HOSTS"])
    parser.add_argument("--current-host", type=str, default=os.environ["SM_CURRENT_HOST"])
    parser.add_argument("--model-dir", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--num-gpus", type=int, default=os.environ["SM_NUM_GPUS"])
    main(parser.parse_args())
