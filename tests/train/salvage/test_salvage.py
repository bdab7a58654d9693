"""`train.salvage` and train.salvage.saved_network on networks that smdebug really hooked, in a process without smdebug."""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import models

from contract import archive, manifest
from train.salvage import architecture, saved_network, torch_file
from train.salvage.__main__ import main

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("016.Beagle", "076.Golden_retriever", "115.Papillon")
WITHOUT_SMDEBUG = "import sys; sys.modules['smdebug'] = None; from train.salvage.__main__ import main; sys.exit(main())"


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hooked")
    subprocess.run([sys.executable, ROOT / "tests" / "support" / "hooked.py", folder], check=True, capture_output=True)
    (folder / "names.txt").write_text("\n".join(NAMES))
    return folder


def salvage(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What it prints. The artefact is whole, or it raises."""
    assert main([str(word) for word in words]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line it ends with."""
    assert main([str(word) for word in words]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "Traceback" not in line
    return line


def unpacked(path: Path, folder: Path) -> Path:
    archive.unpack(path, folder)
    manifest.verify(folder)
    return folder


def test_a_hooked_network_is_recovered_bit_for_bit_where_smdebug_cannot_be_imported(hooked: Path, tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="smdebug"):  # what the person had until now
        code = "import sys, torch; sys.modules['smdebug'] = None; torch.load(sys.argv[1], weights_only=False)"
        done = subprocess.run([sys.executable, "-c", code, hooked / "hooked.pth"], capture_output=True, text=True)
        raise ModuleNotFoundError(done.stderr)
    out = tmp_path / "model.tar.gz"
    words = [hooked / "hooked.pth", "--out", out, "--classes", hooked / "names.txt", "--picture-size", "64"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SMDEBUG, *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "a pickled torchvision.models.resnet.ResNet, 122 tensors" in done.stdout and "resnet18 with 3 classes" in done.stdout
    assert "70 hook(s)" in done.stdout and "never called" in done.stdout and "smdebug.pytorch.hook.Hook" in done.stdout
    folder = unpacked(out, tmp_path / "model")
    about = manifest.read(folder)
    assert about.classes == NAMES and about.architecture == "resnet18" and about.preprocessing.crop == 64
    expected, found = load_file(hooked / "plain.safetensors"), load_file(folder / manifest.WEIGHTS)
    assert set(found) == set(expected) and all(torch.equal(found[name], expected[name]) for name in expected)


def test_what_serves_it_answers_as_the_original_did(hooked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from serve.engines import openvino as engine_openvino
    from serve.engines import torch as engine_torch

    salvage(capsys, hooked / "hooked.pth", "--out", tmp_path / "model.tar.gz", "--picture-size", 64)
    folder = unpacked(tmp_path / "model.tar.gz", tmp_path / "model")
    pixels, answers = torch.load(hooked / "answers.pt", weights_only=True)
    about = manifest.read(folder)
    assert about.classes == ("class-000", "class-001", "class-002")
    exact = engine_torch.load(folder, about, threads=1, gpu=None, precision="float32").predict(pixels.numpy())
    served = engine_openvino.load(folder, about, threads=1, gpu=None, precision="float32").predict(pixels.numpy())
    assert torch.allclose(torch.from_numpy(exact), answers, atol=1e-5)
    assert torch.allclose(torch.from_numpy(served), answers, atol=0.03 * float(answers.abs().max()))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("old.pth", ("a pickled torchvision.models.resnet.ResNet", "", "the format before torch 1.6")),
        ("bare.pkl", ("a pickled torchvision.models.resnet.ResNet", "", "a bare pickle")),
        ("checkpoint.pth", ("a pickled torch.nn.parallel.data_parallel.DataParallel", "net", "zip")),
        ("state.pth", ("a state dict", "", "zip")),
    ],
)
def test_other_ways_of_saving_give_the_same_weights(hooked: Path, name: str, found: tuple[str, str, str]) -> None:
    kind, place, form = found
    with open(hooked / name, "rb") as stream:
        file = torch_file.open_file(hooked / name, stream)
        (network,) = saved_network.find(file)
        assert (network.kind, network.place, file.format) == (kind, place, form) and len(network.tensors) == 122
        fit = architecture.match(network, None)
        expected = load_file(hooked / "plain.safetensors")
        assert fit.arch == "resnet18" and all(torch.equal(fit.tensors[name].load(), expected[name]) for name in expected)


def test_half_precision_of_a_chosen_network_becomes_float32_and_it_is_said(
    hooked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = salvage(capsys, hooked / "half.pth", "--entry", "model", "--out", tmp_path / "model.tar.gz", "--picture-size", 64)
    assert "a state dict (model)" in said and "changed   torch.float16 to float32" in said
    weights = load_file(unpacked(tmp_path / "model.tar.gz", tmp_path / "model") / manifest.WEIGHTS)
    expected = load_file(hooked / "plain.safetensors")["conv1.weight"].half().float()
    assert torch.equal(weights["conv1.weight"], expected)


def test_one_of_two_networks_has_to_be_chosen(hooked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", tmp_path / "model.tar.gz", "--picture-size", 64]
    assert "2 networks in it: choose one with --entry, of model, ema" in refusal(capsys, hooked / "two.pth", *out)
    assert "--entry other: not there; it has model, ema" in refusal(capsys, hooked / "two.pth", *out, "--entry", "other")


def test_names_that_do_not_fit_are_refused(hooked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        (tmp_path / "pictures" / "train" / folder).mkdir(parents=True)
    (tmp_path / "bad.json").write_text("[1, 2")
    (tmp_path / "numbers.json").write_text("[1, 2, 3]")
    for path, words in (
        ("pictures", "2 different names, and the network has 3"),
        ("bad.json", "Expecting"),
        ("numbers.json", "list of names"),
    ):
        assert words in refusal(capsys, hooked / "state.pth", "--out", tmp_path / "m", "--classes", tmp_path / path)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "body", [list(NAMES), {name: place for place, name in enumerate(NAMES)}, {"2": NAMES[2], "0": NAMES[0], "1": NAMES[1]}]
)
def test_names_as_json(tmp_path: Path, body: object) -> None:
    from train.salvage.__main__ import _names

    (tmp_path / "names.json").write_text(json.dumps(body))
    assert _names(tmp_path / "names.json", 3) == NAMES


class Evil:
    """A network's class whose pickling runs a command where pickles are run."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


def test_a_hostile_file_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canary = tmp_path / "canary"
    network = models.squeezenet1_1(num_classes=2)
    network.features.forward_hook = Evil(f"touch {canary}")
    torch.save(network, tmp_path / "a.pth")
    said = salvage(capsys, tmp_path / "a.pth", "--out", tmp_path / "model.tar.gz", "--picture-size", 64)
    assert "squeezenet1_1 with 2 classes" in said and not canary.exists()
    assert "posix.system" in said.split("never called: ")[1].splitlines()[0]
    torch.save(Evil(f"touch {canary}"), tmp_path / "b.pth")
    assert "no network in it" in refusal(capsys, tmp_path / "b.pth", "--out", tmp_path / "m.tar.gz")
    assert not canary.exists()


def test_a_network_without_end_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = nn.Sequential(nn.Linear(2, 2))
    for _ in range(40):  # each part twice in the one above: 2^40 parts in a file of some kilobytes
        deep = nn.Sequential(deep, deep)
    torch.save(deep, tmp_path / "a.pth")
    circular = nn.Sequential(nn.Linear(2, 2))
    circular._modules["again"] = circular
    (tmp_path / "b.pth").write_bytes(pickle.dumps(circular))
    for name in ("a.pth", "b.pth"):
        assert "or one that contains itself" in refusal(capsys, tmp_path / name, "--out", tmp_path / "m.tar.gz")


def test_what_is_no_number_is_no_weight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = models.squeezenet1_1(num_classes=2)
    state = network.state_dict()
    torch.save(OrderedDict(state, **{"features.0.bias": state["features.0.bias"] * float("nan")}), tmp_path / "nan.pth")
    assert "features.0.bias: holds NaN" in refusal(capsys, tmp_path / "nan.pth", "--out", tmp_path / "m", "--picture-size", 64)
    network.features[0]._parameters["bias"] = "text"
    (tmp_path / "text.pkl").write_bytes(pickle.dumps(network))
    assert "stands among the weights and is no tensor" in refusal(capsys, tmp_path / "text.pkl", "--out", tmp_path / "m")


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    timer = threading.Timer(60, lambda: open(tmp_path / "pipe", "w").close())
    timer.start()
    for name in ("pipe", "nothing.pth", ""):
        assert "no such file, or not a regular one" in refusal(capsys, tmp_path / name, "--out", tmp_path / "m")
    timer.cancel()
    assert "--arch resnet19: no torchvision classifier" in refusal(
        capsys, tmp_path / "x", "--out", tmp_path / "m", "--arch", "resnet19"
    )
