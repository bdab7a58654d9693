"""Fine-tunes a ResNet18 on folders of pictures, as SageMaker's PyTorch estimator runs it; smdebug's hook looks inside."""

import argparse
import os

import smdebug.pytorch as smd
import torch
from PIL import ImageFile
from smdebug import modes
from torch import nn
from torchvision import datasets, models, transforms

ImageFile.LOAD_TRUNCATED_IMAGES = True
NORMALIZE = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def loaders(data, batch_size, size):
    """Batches of the three splits; those of training are cropped and flipped by chance."""
    chance = [transforms.RandomResizedCrop(size, scale=(0.5, 1.0)), transforms.RandomHorizontalFlip()]
    plain = [transforms.Resize(size), transforms.CenterCrop(size)]
    found = {}
    for split in ("train", "valid", "test"):
        steps = [*(chance if split == "train" else plain), transforms.ToTensor(), NORMALIZE]
        pictures = datasets.ImageFolder(os.path.join(data, split), transforms.Compose(steps))
        found[split] = torch.utils.data.DataLoader(pictures, batch_size, shuffle=split == "train")
    return found


def network(classes, pretrained):
    """A ResNet18 whose last layer is new; of a pretrained one that layer alone learns."""
    model = models.resnet18(pretrained=pretrained)
    for parameter in model.parameters():
        parameter.requires_grad = not pretrained
    model.fc = nn.Linear(model.fc.in_features, classes)
    return model


def run(model, batches, criterion, device, optimizer=None):
    """One pass over the pictures, with or without learning; mean loss and share of right answers."""
    model.train(optimizer is not None)
    total, right = 0.0, 0
    for pictures, labels in batches:
        pictures, labels = pictures.to(device), labels.to(device)
        with torch.set_grad_enabled(optimizer is not None):
            outputs = model(pictures)
            loss = criterion(outputs, labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(labels)
        right += (outputs.argmax(1) == labels).sum().item()
    return total / len(batches.dataset), right / len(batches.dataset)


def main(args):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = loaders(args.data, args.batch_size, args.picture_size)
    classes = batches["train"].dataset.classes
    model = network(len(classes), args.pretrained == "yes").to(device)
    criterion = nn.CrossEntropyLoss()
    hook = smd.get_hook(create_if_not_exists=True)
    if hook:
        hook.register_module(model)
        hook.register_loss(criterion)
    optimizer = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=args.lr)
    for epoch in range(args.epochs):
        for split in ("train", "valid"):
            if hook:
                hook.set_mode(modes.TRAIN if split == "train" else modes.EVAL)
            loss, accuracy = run(model, batches[split], criterion, device, optimizer if split == "train" else None)
            print(f"epoch {epoch} {split} loss: {loss:.4f} {split} accuracy: {accuracy:.4f}", flush=True)
    if hook:
        hook.set_mode(modes.EVAL)
    loss, accuracy = run(model, batches["test"], criterion, device)
    print(f"test loss: {loss:.4f} test accuracy: {accuracy:.4f}", flush=True)
    state = {"classes": classes, "size": args.picture_size, "weights": model.cpu().state_dict()}
    torch.save(state, os.path.join(args.model_dir, "model.pth"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--picture-size", type=int, default=224)
    parser.add_argument("--pretrained", choices=("yes", "no"), default="yes")
    parser.add_argument("--data", default=os.environ.get("SM_CHANNEL_TRAINING"))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    main(parser.parse_args())
