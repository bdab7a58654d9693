import json
import os

import torch


class DogService:
    def __init__(self):
        self.model, self.names = None, []

    def initialize(self, context):
        folder = context.system_properties.get("model_dir")
        self.model = torch.jit.load(os.path.join(folder, "model.pt")).eval()
        with open(os.path.join(folder, "classes.txt")) as f:
            self.names = f.read().split()

    def preprocess(self, requests):
        return torch.stack([torch.tensor(json.loads(one.get("body") or one.get("data"))) for one in requests])

    def handle(self, requests, context):
        with torch.no_grad():
            best = self.model(self.preprocess(requests)).argmax(1)
        return [{"breed": self.names[index]} for index in best.tolist()]
