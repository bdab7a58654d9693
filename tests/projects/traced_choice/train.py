"""Any network of torchvision by its name, data of one channel split here, a traced network saved beside its classes."""

import argparse
import json
import os
import random
import time

import numpy as np
import smdebug.pytorch as smd
import torch
import torchvision
import torchvision.transforms as transforms
from smdebug.profiler.utils import str2bool
from smdebug.pytorch import get_hook
from torch.autograd import Variable
from torch.utils.data.sampler import SubsetRandomSampler


def train_model(epochs, net, trainloader, validloader, optimizer, lr_scheduler, loss_optim, device, hook):
    epoch_times = []
    for i in range(epochs):
        print("START TRAINING")
        if hook:
            hook.set_mode(smd.modes.TRAIN)
        start = time.time()
        net.train()
        train_loss = 0
        for _, (inputs, targets) in enumerate(trainloader):
            inputs, targets = Variable(inputs).to(device), Variable(targets).to(device)
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = loss_optim(outputs, targets)
            loss.backward()
            optimizer.step()
            train_loss += loss.item()

        print("START VALIDATING")
        if hook:
            hook.set_mode(smd.modes.EVAL)
        net.eval()
        val_loss = 0
        right = 0
        with torch.no_grad():
            for _, (inputs, targets) in enumerate(validloader):
                inputs, targets = inputs.to(device), targets.to(device)
                outputs = net(inputs)
                loss = loss_optim(outputs, targets)
                val_loss += loss.item()
                right += int((outputs.argmax(1) == targets).sum())
        lr_scheduler.step()
        epoch_times.append(time.time() - start)
        print(
            "Epoch %d: train loss %.3f, val loss %.3f, lr %s, Test Accuracy: %.3f in %.1f sec"
            % (
                i,
                train_loss / len(trainloader),
                val_loss / len(validloader),
                lr_scheduler.get_last_lr(),
                right / max(len(validloader.sampler), 1),
                epoch_times[-1],
            )
        )
    return np.percentile(epoch_times, 50)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--gpu", type=str2bool, default=True)
    parser.add_argument("--model", type=str, default="resnet18")
    parser.add_argument("--valid_share", type=float, default=0.25)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--random_seed", type=bool, default=False)
    opt = parser.parse_args()
    for key, value in vars(opt).items():
        print("{}:{}".format(key, value))
    if opt.random_seed:
        torch.manual_seed(5)
        random.seed(5)
        np.random.seed(5)
    device = torch.device("cuda:0" if opt.gpu and torch.cuda.is_available() else "cpu")

    transform = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])
    dataset = torchvision.datasets.ImageFolder(os.environ["SM_CHANNEL_TRAINING"], transform)
    indices = list(range(len(dataset)))
    np.random.shuffle(indices)
    split = int(np.floor(opt.valid_share * len(dataset)))
    trainloader = torch.utils.data.DataLoader(dataset, opt.batch_size, sampler=SubsetRandomSampler(indices[split:]))
    validloader = torch.utils.data.DataLoader(dataset, opt.batch_size, sampler=SubsetRandomSampler(indices[:split]))

    net = torchvision.models.__dict__[opt.model](pretrained=True)
    net.fc = torch.nn.Linear(net.fc.in_features, len(dataset.classes))
    net.to(device)
    loss_optim = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=opt.lr, momentum=0.9)
    lr_scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [int(opt.epochs * 0.8), opt.epochs], gamma=0.1)

    smd.Hook.create_from_json_file()
    hook = get_hook()
    if hook:
        hook.register_module(net)
        hook.register_loss(loss_optim)
    median = train_model(opt.epochs, net, trainloader, validloader, optimizer, lr_scheduler, loss_optim, device, hook)
    print("Median training time per Epoch=%.1f sec" % median)

    net.eval()
    traced = torch.jit.trace(net.cpu(), torch.rand(1, 3, 32, 32))
    traced.save(os.path.join(os.environ["SM_MODEL_DIR"], "model.pt"))
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "classes.json"), "w") as f:
        json.dump(dataset.class_to_idx, f)


if __name__ == "__main__":
    main()
