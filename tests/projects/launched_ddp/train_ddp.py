"""One process a device, as torch_distributed starts them: DistributedDataParallel, rank 0 saves, Debugger is not known."""

import argparse
import os

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
import torchvision.models as models
import torchvision.transforms as transforms
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data.distributed import DistributedSampler
from torchvision.datasets import ImageFolder


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--test-batch-size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-dir", type=str, default=os.environ["SM_CHANNEL_TRAINING"])
    parser.add_argument("--model-dir", type=str, default=os.environ["SM_MODEL_DIR"])
    return parser.parse_args()


def train(args, model, device, loader, sampler, optimizer, epoch, rank):
    model.train()
    sampler.set_epoch(epoch)
    for batch_idx, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(data), target)
        loss.backward()
        optimizer.step()
        if rank == 0:
            seen = batch_idx * len(data) * dist.get_world_size()
            print("Train Epoch: {} [{}/{}]\tLoss: {:.6f}".format(epoch, seen, len(loader.dataset), loss.item()))


def test(model, device, loader):
    model.eval()
    test_loss = 0
    correct = 0
    with torch.no_grad():
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.cross_entropy(output, target, reduction="sum").item()
            correct += output.argmax(1).eq(target).sum().item()
    count = len(loader.dataset)
    print("\nTest set: Average loss: {:.4f}, Accuracy: {}/{}\n".format(test_loss / count, correct, count))


def main():
    args = parse_args()
    use_cuda = torch.cuda.is_available()
    dist.init_process_group(backend="nccl" if use_cuda else "gloo")
    rank, world_size = dist.get_rank(), dist.get_world_size()
    local_rank = int(os.environ["LOCAL_RANK"])
    print("Hello from rank", rank, "of local_rank", local_rank, "in world size of", world_size)
    torch.manual_seed(args.seed)
    if use_cuda:
        torch.cuda.set_device(local_rank)
    device = torch.device("cuda", local_rank) if use_cuda else torch.device("cpu")

    transform = transforms.Compose(
        [transforms.RandomResizedCrop(32), transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
    )
    train_set = ImageFolder(os.path.join(args.data_dir, "train"), transform)
    sampler = DistributedSampler(train_set, num_replicas=world_size, rank=rank)
    loader = torch.utils.data.DataLoader(
        train_set, batch_size=max(args.batch_size // world_size, 1), shuffle=False, num_workers=0, sampler=sampler
    )
    model = models.resnet18(num_classes=len(train_set.classes))
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model) if use_cuda else model
    model = DDP(model.to(device), device_ids=[local_rank] if use_cuda else None)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, loader, sampler, optimizer, epoch, rank)
        if rank == 0:
            test_set = ImageFolder(os.path.join(args.data_dir, "test"), transform)
            test(model.module, device, torch.utils.data.DataLoader(test_set, batch_size=args.test_batch_size))
        scheduler.step()
    if rank == 0:
        torch.save(model.module.state_dict(), os.path.join(args.model_dir, "model.pth"))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
