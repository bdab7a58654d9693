"""Fine-tunes inception_v3 without its auxiliary head, stops early, and saves the whole network, hook and all."""

import argparse
import os
import time

import smdebug.pytorch as smd
import torch
import torch.nn as nn
import torch.optim as optim
from torchvision import datasets, models, transforms
from tqdm import tqdm

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def test(model, loader, criterion, hook):
    model.eval()
    if hook:
        hook.set_mode(smd.modes.EVAL)
    test_loss, correct = 0, 0
    with torch.no_grad():
        for data, target in tqdm(loader, desc="Testing"):
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += criterion(output, target).item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    test_loss /= len(loader)
    print(
        "\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\n".format(
            test_loss, correct, len(loader.dataset), 100.0 * correct / len(loader.dataset)
        )
    )
    return test_loss


def train(model, train_loader, valid_loader, criterion, optimizer, epochs, hook):
    if hook:
        hook.register_loss(criterion)
    best_loss = 1e6
    loss_counter = 0
    for epoch in range(1, epochs + 1):
        start = time.time()
        model.train()
        if hook:
            hook.set_mode(smd.modes.TRAIN)
        running_loss = 0.0
        progress = tqdm(enumerate(train_loader), total=len(train_loader))
        for step, (data, target) in progress:
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            output = model(data)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            progress.set_postfix(loss=running_loss / (step + 1))
        epoch_loss = test(model, valid_loader, criterion, hook)
        print("Epoch {} took {:.1f} s, valid loss {:.4f}".format(epoch, time.time() - start, epoch_loss))
        if epoch_loss < best_loss:
            best_loss = epoch_loss
        else:
            loss_counter += 1
        if loss_counter == 1:
            print("Early stopping at epoch", epoch)
            break
    return model


def net(num_classes):
    model = models.inception_v3(pretrained=True, aux_logits=False)
    for param in model.parameters():
        param.requires_grad = False
    model.fc = nn.Sequential(
        nn.Linear(model.fc.in_features, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, num_classes), nn.LogSoftmax(dim=1)
    )
    return model


def loaders(args):
    size = 96
    change = {
        "train": transforms.Compose(
            [
                transforms.RandomRotation(15),
                transforms.RandomResizedCrop(size),
                transforms.ColorJitter(0.1, 0.1),
                transforms.ToTensor(),
            ]
        ),
        "test": transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size), transforms.ToTensor()]),
    }
    found = []
    for folder, kind in ((args.train, "train"), (args.valid, "test"), (args.test, "test")):
        dataset = datasets.ImageFolder(folder, transform=change[kind])
        found.append(
            torch.utils.data.DataLoader(
                dataset, batch_size=args.batch_size, shuffle=kind == "train", num_workers=2, pin_memory=torch.cuda.is_available()
            )
        )
    return found


def main(args):
    train_loader, valid_loader, test_loader = loaders(args)
    model = net(len(train_loader.dataset.classes)).to(device)
    hook = smd.Hook.create_from_json_file()
    hook.register_hook(model)
    criterion = nn.NLLLoss()
    optimizer = optim.AdamW(model.fc.parameters(), lr=args.lr, eps=args.eps, weight_decay=args.weight_decay)
    model = train(model, train_loader, valid_loader, criterion, optimizer, args.epochs, hook)
    test(model, test_loader, criterion, hook)
    with open(os.path.join(args.model_dir, "model.pth"), "wb") as f:
        torch.save(model, f)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="input batch size for training (default: 64)")
    parser.add_argument("--epochs", type=int, default=5, metavar="N")
    parser.add_argument("--lr", type=float, default=0.001, metavar="LR")
    parser.add_argument("--eps", type=float, default=1e-8)
    parser.add_argument("--weight-decay", type=float, default=1e-2)
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--valid", type=str, default=os.environ.get("SM_CHANNEL_VALID"))
    parser.add_argument("--test", type=str, default=os.environ.get("SM_CHANNEL_TEST"))
    parser.add_argument("--model-dir", type=str, default=os.environ["SM_MODEL_DIR"])
    main(parser.parse_args())
