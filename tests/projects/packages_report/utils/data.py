import os

import torch
from PIL import Image, ImageFile
from torchvision import transforms

ImageFile.LOAD_TRUNCATED_IMAGES = True


class DogDataset(torch.utils.data.Dataset):
    """The pictures of a folder of classes, read as they are asked for."""

    def __init__(self, root, size, train):
        self.classes = sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
        self.samples = [
            (os.path.join(root, name, file), label)
            for label, name in enumerate(self.classes)
            for file in sorted(os.listdir(os.path.join(root, name)))
        ]
        flips = [transforms.RandomHorizontalFlip(p=0.5)] if train else []
        self.transform = transforms.Compose(
            [transforms.Resize((size, size), interpolation=Image.BILINEAR), *flips, transforms.ToTensor()]
        )

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, label = self.samples[index]
        image = Image.open(path).convert("RGB")
        return self.transform(image), label
