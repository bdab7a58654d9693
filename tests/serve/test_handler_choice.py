"""Which code answers: by what lies in the artefact and what the environment says."""

import json
from pathlib import Path

import pytest

from contract.layout import Layout
from serve.errors import ConfigError
from serve.handler_choice import CLASSIFIER, HANDLER, SCRIPT, HandlerChoice, check, choose
from tests.support import own_model

MAR = json.dumps({"model": {"handler": "answers.py:handle"}})


@pytest.mark.parametrize(
    ("files", "environ", "kind", "name"),
    [
        (["model.json"], {}, CLASSIFIER, ""),
        (["model.json", "code/inference.py"], {}, SCRIPT, "inference.py"),
        (["model.json", "code/readme.txt"], {}, CLASSIFIER, ""),
        (["model.json", "code/train.py"], {}, CLASSIFIER, ""),
        (["model.json"], {"SAGEMAKER_PROGRAM": "", "SAGEMAKER_SUBMIT_DIRECTORY": ""}, CLASSIFIER, ""),
        (["code/train.py"], {"SAGEMAKER_PROGRAM": "train.py"}, SCRIPT, "train.py"),
        (["code/src/ask.py"], {"SAGEMAKER_PROGRAM": "src/ask.py"}, SCRIPT, "src/ask.py"),
        (["model.pth"], {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/a/sourcedir.tar.gz"}, SCRIPT, "inference.py"),
        (["code/inference.py"], {"KENNEL_HANDLER": "answers:Handler"}, HANDLER, "answers:Handler"),
        (["code/own/answers.py"], {"KENNEL_HANDLER": "own/my-answers.py:handle"}, HANDLER, "own/my-answers.py:handle"),
        (["MAR-INF/MANIFEST.json", "model.json"], {}, HANDLER, "answers.py:handle"),
    ],
)
def test_the_choice(tmp_path: Path, files: list[str], environ: dict[str, str], kind: str, name: str) -> None:
    layout = Layout(own_model.write(tmp_path, dict.fromkeys(files, MAR)))
    found = choose(layout, environ)
    assert (found.kind, found.name) == (kind, name) and found.own_code == (kind != CLASSIFIER)
    if kind == SCRIPT:
        assert found.source == environ.get("SAGEMAKER_SUBMIT_DIRECTORY", str(tmp_path / "model" / "code"))


def test_opt_ml_by_its_name_is_the_endpoints_folder(tmp_path: Path) -> None:
    layout = Layout(own_model.write(tmp_path, {"code/inference.py": ""}))
    found = choose(layout, {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"})
    assert found == HandlerChoice(kind=SCRIPT, name="inference.py", source=str(tmp_path / "model" / "code"))


def test_of_many_models_each_has_code_of_its_own_below_opt_ml() -> None:
    layout = Layout(Path("/opt/ml/models/one"))
    assert choose(layout, {"KENNEL_HANDLER": "answers"}).source == "/opt/ml/models/one/model/code"


def test_a_model_that_says_nothing_is_told_in_one_line(tmp_path: Path) -> None:
    layout = Layout(own_model.write(tmp_path, {"model.pth": "", "code/other.py": ""}))
    with pytest.raises(ConfigError) as caught:
        check(choose(layout, {}), layout.model)
    told = str(caught.value)
    assert "code/inference.py" in told and "model.json" in told and "found code/other.py, model.pth" in told and "\n" not in told
    with pytest.raises(ConfigError, match="found nothing"):
        check(HandlerChoice(), own_model.write(tmp_path / "b", {".hidden": ""}) / "model")
    with pytest.raises(ConfigError, match="found no folder"):
        check(HandlerChoice(), tmp_path / "c")


@pytest.mark.parametrize("count", [12, 13])
def test_a_long_list_of_what_was_found_is_cut(tmp_path: Path, count: int) -> None:
    files = {f"{number:02}.bin": "" for number in range(count)}
    with pytest.raises(ConfigError) as caught:
        check(HandlerChoice(), own_model.write(tmp_path, files) / "model")
    assert "11.bin" in str(caught.value) and "12.bin" not in str(caught.value)
    assert (" and 1 more" in str(caught.value)) == (count == 13)


@pytest.mark.parametrize("program", ["/etc/x.py", "../x.py", "x.sh", "a b.py"])
def test_a_program_outside_the_code_is_refused(tmp_path: Path, program: str) -> None:
    with pytest.raises(ConfigError, match="SAGEMAKER_PROGRAM"):
        choose(Layout(own_model.write(tmp_path, {"model.json": ""})), {"SAGEMAKER_PROGRAM": program})


@pytest.mark.parametrize("files", [["model.json"], ["model.json", "code/ask.py"], ["code/ask.py"]])
@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"SAGEMAKER_PROGRAM": "train.py"}, "SAGEMAKER_PROGRAM is 'train.py', which is no file in "),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model"}, "SAGEMAKER_PROGRAM is 'inference.py', which is no file in "),
        (
            {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/no/x"},
            "SAGEMAKER_SUBMIT_DIRECTORY is '/opt/ml/no/x', which is not there (no folder ",
        ),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/sourcedir.tar.gz"}, "sourcedir.tar.gz', which is not there ("),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/no", "KENNEL_HANDLER": "ask"}, "SAGEMAKER_SUBMIT_DIRECTORY is '/opt/ml/no'"),
    ],
)
def test_a_variable_that_names_no_file_is_told_whatever_else_is_there(
    tmp_path: Path, files: list[str], environ: dict[str, str], told: str
) -> None:
    layout = Layout(own_model.write(tmp_path, dict.fromkeys(files, "")))
    with pytest.raises(ConfigError) as caught:
        choose(layout, environ)
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert "; give a folder" in str(caught.value) or "; put the script there, or set SAGEMAKER_PROGRAM" in str(caught.value)
    if "code/ask.py" in files:
        assert any(f" {word}" in str(caught.value) for word in ("has ask.py", "has code", "has model", "(no folder "))


@pytest.mark.parametrize("file", ["code/inference.py", "model.json", "MAR-INF/MANIFEST.json"])
def test_what_lies_below_one_folder_is_told_by_its_name(tmp_path: Path, file: str) -> None:
    layout = Layout(own_model.write(tmp_path, {f"mine/{file}": MAR}))
    with pytest.raises(ConfigError, match="all of the model lies below mine/; pack what is in that folder"):
        check(choose(layout, {}), layout.model)
    own_model.write(tmp_path / "code", {"mine/ask.py": "", ".hidden": ""})
    environ = {"SAGEMAKER_PROGRAM": "ask.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "code" / "model")}
    with pytest.raises(ConfigError, match=r"is no file in .*: all of it lies below mine/; pack what is in that folder"):
        choose(layout, environ)


@pytest.mark.parametrize("name", ["../../h", "/abs/h", "a/../h.py", "./h", "a..b", ".h", "h:a.b", "a b", "h.py:x:y", "h;x", "h/"])
def test_a_handler_outside_the_code_is_refused_by_name(tmp_path: Path, name: str) -> None:
    manifest = json.dumps({"model": {"handler": name}})
    with pytest.raises(ConfigError, match=r"^KENNEL_HANDLER is '.*'; need module:Class"):
        choose(Layout(own_model.write(tmp_path / "a", {"model.json": ""})), {"KENNEL_HANDLER": name})
    with pytest.raises(ConfigError, match=r"^MAR-INF/MANIFEST\.json: model\.handler is '.*'; need module:Class"):
        choose(Layout(own_model.write(tmp_path / "b", {"MAR-INF/MANIFEST.json": manifest})), {})


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {}}', '{"model": {"handler": 3}}', "[" * 100_000])
def test_a_manifest_without_a_handler_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="names no handler"):
        choose(Layout(own_model.write(tmp_path, {"MAR-INF/MANIFEST.json": text})), {})
