import csv
import io
import os
import pickle

import numpy as np
import pandas as pd


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as f:
        return pickle.load(f)


def transform_fn(model, request_body, input_content_type, output_content_type):
    rows = pd.read_csv(io.StringIO(request_body), header=None).to_numpy(np.float32)
    answer = io.StringIO()
    csv.writer(answer).writerows([[f"{value:.3f}"] for value in rows @ model["weights"] + model["bias"]])
    return answer.getvalue(), "text/csv"
