import json

import torch


def input_fn(request_body, request_content_type):
    assert request_content_type == "application/json"
    return torch.tensor(json.loads(request_body)["inputs"], dtype=torch.float32)
