"""The hyperparameters that a training or a tuning job starts from, before those that the person sets."""

SCRATCH = {"arch": "resnet18", "train-layers": "all", "picture-size": "64", "epochs": "12", "lr": "0.001", "batch-size": "32"}
"""Hyperparameters without pretrained weights: the whole of a small-picture network."""
PRETRAINED = {
    "arch": "resnet18",
    "train-layers": "head",
    "epochs": "4",
    "lr": "0.005",
    "batch-size": "32",
    "precision": "auto",
}
"""Hyperparameters with pretrained weights: a new head."""
FINE_TUNE = {
    "arch": "resnet18",
    "train-layers": "last",
    "picture-size": "288",
    "crop-pct": "1",
    "epochs": "8",
    "lr": "0.003",
    "batch-size": "32",
    "weight-decay": "0.05",
    "backbone-factor": "0.05",
    "batch-norm": "kept",
    "warmup": "0.1",
    "ema-decay": "0.98",
    "precision": "auto",
}
"""Hyperparameters of `--fine-tune`: the last block and the head of pretrained weights, on larger pictures and all of them."""
SCRATCH_TRIAL = {"epochs": "2", "picture-size": "32", "loader-workers": "0", "profile": "off", "export": "weights"}
PRETRAINED_TRIAL = {"epochs": "2", "picture-size": "128", "loader-workers": "0", "profile": "off", "export": "weights"}
"""What one job of a tuning has instead: enough to tell good from bad. Several run at a time, so none starts helpers."""
FEATURES_TRIAL = {"views": "2", "profile": "off", "export": "weights"}
"""The same where it trains a head on kept features: as many epochs, of as large pictures, as the final training has."""
