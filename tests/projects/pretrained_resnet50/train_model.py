"""Fine-tunes a pretrained resnet50: phases train and valid in a loop, smdebug's hook on the network, no loss registered."""

import argparse
import copy
import logging
import os
import sys

import smdebug.pytorch as smd
import torch
import torch.nn as nn
import torch.optim as optim
import torchvision
import torchvision.models as models
import torchvision.transforms as transforms
from PIL import ImageFile

ImageFile.LOAD_TRUNCATED_IMAGES = True

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.StreamHandler(sys.stdout))


def test(model, test_loader, criterion, device, hook):
    model.eval()
    hook.set_mode(smd.modes.EVAL)
    running_loss = 0
    running_corrects = 0
    for inputs, labels in test_loader:
        inputs = inputs.to(device)
        labels = labels.to(device)
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        _, preds = torch.max(outputs, 1)
        running_loss += loss.item() * inputs.size(0)
        running_corrects += torch.sum(preds == labels.data)
    total_loss = running_loss / len(test_loader.dataset)
    total_acc = running_corrects.double() / len(test_loader.dataset)
    logger.info(f"Testing Loss: {total_loss}")
    logger.info(f"Testing Accuracy: {total_acc}")


def train(model, image_dataset, criterion, optimizer, scheduler, epochs, device, hook):
    best_weights = copy.deepcopy(model.state_dict())
    best_acc = 0.0
    for epoch in range(epochs):
        logger.info("Epoch {}/{}".format(epoch, epochs - 1))
        for phase in ["train", "valid"]:
            if phase == "train":
                model.train()
                hook.set_mode(smd.modes.TRAIN)
            else:
                model.eval()
                hook.set_mode(smd.modes.EVAL)
            running_loss = 0.0
            running_corrects = 0
            for inputs, labels in image_dataset[phase]:
                inputs, labels = inputs.to(device), labels.to(device)
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = criterion(outputs, labels)
                    _, preds = torch.max(outputs, 1)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
                running_corrects += torch.sum(preds == labels.data)
            if phase == "train":
                scheduler.step()
            epoch_loss = running_loss / len(image_dataset[phase].dataset)
            epoch_acc = running_corrects.double() / len(image_dataset[phase].dataset)
            logger.info("{} loss: {:.4f}, acc: {:.4f}, best acc: {:.4f}".format(phase, epoch_loss, epoch_acc, best_acc))
            if phase == "valid" and epoch_acc > best_acc:
                best_acc = epoch_acc
                best_weights = copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)
    return model


def net(classes):
    model = models.resnet50(pretrained=True)
    for param in model.parameters():
        param.requires_grad = False
    num_features = model.fc.in_features
    model.fc = nn.Sequential(nn.Linear(num_features, 128), nn.ReLU(inplace=True), nn.Linear(128, classes))
    return model


def create_data_loaders(data, batch_size):
    train_transform = transforms.Compose(
        [
            transforms.RandomResizedCrop((64, 64)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    test_transform = transforms.Compose([transforms.Resize((64, 64)), transforms.ToTensor()])
    train_data = torchvision.datasets.ImageFolder(root=os.path.join(data, "train"), transform=train_transform)
    valid_data = torchvision.datasets.ImageFolder(root=os.path.join(data, "valid"), transform=test_transform)
    test_data = torchvision.datasets.ImageFolder(root=os.path.join(data, "test"), transform=test_transform)
    return (
        torch.utils.data.DataLoader(train_data, batch_size=batch_size, shuffle=True),
        torch.utils.data.DataLoader(valid_data, batch_size=batch_size, shuffle=True),
        torch.utils.data.DataLoader(test_data, batch_size=batch_size, shuffle=True),
    )


def main(args):
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    logger.info(f"Running on Device {device}, lr {args.learning_rate}, batch size {args.batch_size}")
    train_loader, valid_loader, test_loader = create_data_loaders(args.data, args.batch_size)
    model = net(len(train_loader.dataset.classes))
    model = model.to(device)
    hook = smd.Hook.create_from_json_file()
    hook.register_hook(model)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.fc.parameters(), lr=args.learning_rate, weight_decay=args.weight_decay)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)

    logger.info("Starting Model Training")
    loaders = {"train": train_loader, "valid": valid_loader}
    model = train(model, loaders, criterion, optimizer, scheduler, args.epochs, device, hook)
    logger.info("Testing Model")
    test(model, test_loader, criterion, device, hook)
    logger.info("Saving Model")
    torch.save(model.cpu().state_dict(), os.path.join(args.model_dir, "model.pth"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning_rate", type=float, default=0.001)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--weight-decay", type=float, default=0)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--data", type=str, default=os.environ["SM_CHANNEL_DATA"])
    parser.add_argument("--model_dir", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--output_dir", type=str, default=os.environ["SM_OUTPUT_DATA_DIR"])
    args = parser.parse_args()
    print(args)
    main(args)
