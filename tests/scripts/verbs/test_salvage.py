"""`kennel salvage`, and `kennel deploy --model` of what it wrote. Also scripts.aws.model_file. What is recovered: tests/train."""

from pathlib import Path

from scripts.aws import model_file
from scripts.aws.settings import Settings
from tests.support.local_server import LocalServer
from tests.support.person import Kennel


def test_the_line_of_a_file_that_holds_no_network_is_passed_on(kennel: Kennel) -> None:
    (kennel.folder / "old.pth").write_text("not a pickle")
    words = kennel.run("salvage", "old.pth", status=2).stderr
    assert words.startswith("salvage: old.pth: not a whole pickle") and words.count("\n") == 1
    assert kennel.run("salvage", "none.pth", status=2).stderr == "salvage: none.pth: no such file\n"
    assert "--classes nowhere: no such file" in kennel.run("salvage", "old.pth", "--classes", "nowhere", status=2).stderr


def test_what_comes_out_does_not_take_the_place_of_the_file(kennel: Kennel) -> None:
    kennel.folder.mkdir(exist_ok=True)
    (kennel.folder / "old.pth").write_bytes(b"the only copy")
    refused = kennel.run("salvage", "old.pth", "--out", "./old.pth", status=2).stderr
    assert "--out old.pth: this is old.pth itself; give another file to write to" in refused
    assert (kennel.folder / "old.pth").read_bytes() == b"the only copy"


def test_what_comes_out_is_deployed_by_the_command_it_prints(kennel: Kennel) -> None:
    import torch
    from torchvision import models

    torch.save(models.squeezenet1_1(num_classes=2), kennel.folder / "old.pth")
    done = kennel.run("salvage", "old.pth", "--picture-size", "64").stdout
    out = Path(".kennel/salvaged/old/model.tar.gz")
    assert f"deploy --model {out}" in done and (kennel.folder / out).is_file()
    plan = kennel.run("deploy", "--model", str(out), "--dry-run").stdout
    place = model_file.uri(Settings(target="local", home=kennel.folder, bucket="kennel-local"), kennel.folder / out)
    assert place in plan and '"PutObject"' in plan and place.startswith("s3://kennel-local/kennel/models/")


def test_a_model_of_this_machine_is_uploaded_once_and_served(local: Kennel, server: LocalServer) -> None:
    import tarfile

    (local.folder / "weights.json").write_text("{}")
    with tarfile.open(local.folder / "model.tar.gz", "w:gz") as packed:
        packed.add(local.folder / "weights.json", "weights.json")
    assert "--model none: no such file" in local.run("deploy", "--model", "none", status=2).stderr
    assert "InService" in local.run("deploy", "--endpoint", "kennel-own", "--model", "model.tar.gz").stdout
    again = local.run("deploy", "--endpoint", "kennel-own", "--model", "model.tar.gz").stdout
    assert "has this model already" in again
    local.run("down", "--endpoint", "kennel-own")
