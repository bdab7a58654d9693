"""Training and inference in one file: one epoch over a part of the data, a logger without handlers, a hook made in the middle."""

import argparse
import io
import json
import logging
import os

import smdebug.pytorch as smd
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from PIL import Image, ImageFile
from torchvision import datasets, transforms

ImageFile.LOAD_TRUNCATED_IMAGES = True
logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

normalize = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def net(classes=3, pretrained=True):
    model = torchvision.models.resnet18(pretrained=pretrained)
    for param in model.parameters():
        param.requires_grad_(False)
    model.fc = nn.Linear(model.fc.in_features, classes)
    return model


def train(model, loader, loss_fn, optimizer, device, share):
    hook = smd.get_hook()
    hook.set_mode(smd.modes.TRAIN)
    model.train()
    seen = 0
    for i, (inputs, targets) in enumerate(loader):
        inputs = inputs.to(device)
        targets = targets.to(device)
        preds = model(inputs)
        loss = loss_fn(preds, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(inputs)
        logger.info("step %d: Loss: %.4f", i, loss.item())
        if seen > share * len(loader.dataset):
            break


def test(model, loader, loss_fn, device):
    hook = smd.get_hook()
    hook.set_mode(smd.modes.EVAL)
    model.eval()
    total, correct = 0.0, 0
    with torch.no_grad():
        for inputs, targets in loader:
            outputs = model(inputs.to(device))
            total += loss_fn(outputs, targets.to(device)).item() * len(inputs)
            correct += (F.softmax(outputs).argmax(1).cpu() == targets).sum().item()
    logger.info("Testing Loss: %.4f", total / len(loader.dataset))
    logger.info("Testing Accuracy: (%d%%)", 100 * correct / len(loader.dataset))


def main(args):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train_transform = transforms.Compose([transforms.RandomResizedCrop(48), transforms.ToTensor(), normalize])
    test_transform = transforms.Compose([transforms.Resize(48), transforms.CenterCrop(48), transforms.ToTensor(), normalize])
    train_set = datasets.ImageFolder(args.train_dir, train_transform)
    test_set = datasets.ImageFolder(args.test_dir, test_transform)
    train_loader = torch.utils.data.DataLoader(train_set, batch_size=args.batch_size, shuffle=True, drop_last=True)
    test_loader = torch.utils.data.DataLoader(test_set, batch_size=args.test_batch_size)
    model = net(len(train_set.classes)).to(device)
    loss_fn = nn.CrossEntropyLoss(reduction="mean").to(device)
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=args.lr)
    hook = smd.Hook.create_from_json_file()
    hook.register_hook(model)
    hook.register_loss(loss_fn)
    for _ in range(args.epochs):
        train(model, train_loader, loss_fn, optimizer, device, args.share)
        test(model, test_loader, loss_fn, device)
    torch.save(model.cpu().state_dict(), os.path.join(args.model_dir, "model.pth"))


def model_fn(model_dir):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = net(pretrained=False)
    with open(os.path.join(model_dir, "model.pth"), "rb") as f:
        model.load_state_dict(torch.load(f, map_location=device))
    return model.to(device).eval()


def input_fn(request_body, content_type="image/jpeg"):
    if content_type == "image/jpeg":
        return Image.open(io.BytesIO(request_body)).convert("RGB")
    raise Exception("Requested unsupported ContentType in content_type: {}".format(content_type))


def predict_fn(input_object, model):
    change = transforms.Compose([transforms.Resize(48), transforms.CenterCrop(48), transforms.ToTensor(), normalize])
    with torch.no_grad():
        return model(change(input_object).unsqueeze(0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--test_batch_size", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--hosts", type=list, default=json.loads(os.environ["SM_HOSTS"]))
    parser.add_argument("--current_host", type=str, default=os.environ["SM_CURRENT_HOST"])
    parser.add_argument("--num_cpus", type=int, default=os.environ["SM_NUM_CPUS"])
    parser.add_argument("--train_dir", type=str, default=os.environ["SM_CHANNEL_TRAIN"])
    parser.add_argument("--test_dir", type=str, default=os.environ["SM_CHANNEL_TEST"])
    parser.add_argument("--model_dir", type=str, default=os.environ["SM_MODEL_DIR"])
    args = parser.parse_args()
    main(args)
