import json
import os

import torch


def model_fn(model_dir, context):
    model = torch.nn.Linear(2, 2)
    model.load_state_dict(torch.load(os.path.join(model_dir, "model.pth")))
    return {"model": model.eval(), "gpu": context.system_properties.get("gpu_id")}


def input_fn(request_body, request_content_type, context):
    return torch.tensor(json.loads(request_body)), context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")


def predict_fn(data, model, context):
    values, attributes = data
    with torch.no_grad():
        return model["model"](values).tolist(), attributes


def output_fn(prediction, accept, context):
    values, attributes = prediction
    return json.dumps({"values": values, "attributes": attributes, "accept": accept}), "application/json"
