"""The private /opt/ml a training starts in: the shapes SageMaker writes."""

import json
from pathlib import Path

from contract.layout import Layout
from scripts.stage import stage_training


def test_files_and_channels(tmp_path: Path) -> None:
    source = tmp_path / "dogs" / "001.A"
    source.mkdir(parents=True)
    (source / "a.jpg").write_bytes(b"picture")
    (tmp_path / "dogs" / ".DS_Store").touch()
    weights = tmp_path / "resnet18.pth"
    weights.write_bytes(b"weights")
    layout = Layout(tmp_path / "job" / "opt" / "ml")
    for _ in range(2):  # the second time replaces the first
        stage_training(layout, {"epochs": "1"}, {"train": tmp_path / "dogs", "pretrained": weights})
    assert json.loads(layout.hyperparameters.read_text()) == {"epochs": "1"}
    channels = json.loads(layout.input_data_config.read_text())
    assert channels["train"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    assert set(channels) == {"train", "pretrained"}
    hosts = json.loads(layout.resource_config.read_text())
    assert hosts["current_host"] == "algo-1" and hosts["hosts"] == ["algo-1"]
    assert (layout.channel("train") / "001.A" / "a.jpg").read_bytes() == b"picture"
    assert not (layout.channel("train") / ".DS_Store").exists()
    assert (layout.channel("pretrained") / "resnet18.pth").read_bytes() == b"weights"
    assert layout.model.is_dir() and layout.output_data.is_dir() and layout.checkpoints.is_dir()
