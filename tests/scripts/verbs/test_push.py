"""`kennel push` to the local registry, with a docker of the tests' own, and what jobs and endpoints then use.

Covers scripts.verbs.push and scripts.images.catalog. The same with a real engine is in tests/images.
"""

import json
import os
from pathlib import Path

import pytest

from contract import archive
from scripts.aws import local_server, policies
from scripts.aws.settings import Settings, read
from scripts.images.catalog import repositories
from tests.support.checker import problems
from tests.support.local_server import LocalServer
from tests.support.person import AWS, Kennel
from tests.support.toy_person import ToyDocker

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture()
def toy(toy: ToyDocker, kennel: Kennel, server: LocalServer) -> ToyDocker:
    """Beside the module's server, whose registry is empty."""
    kennel.use(server.url, server)
    for repository in server.ecr.describe_repositories()["repositories"]:
        server.ecr.delete_repository(repositoryName=repository["repositoryName"], force=True)
    return toy


@pytest.fixture()
def pushed(toy: ToyDocker) -> ToyDocker:
    """Built, and pushed."""
    toy.run("build")
    toy.run("push")
    return toy


def test_a_dry_run_prints_what_the_golden_file_says(toy: ToyDocker) -> None:
    toy.kennel.settings(AWS)
    printed = toy.run("push", "train", "serve-cpu", "--target", "aws", "--dry-run").stdout
    steps = json.loads(printed.replace(str(toy.home), "TOY"))
    if os.environ.get("KENNEL_GOLDEN") == "write":
        (GOLDEN / "push-aws.json").write_text(json.dumps(steps, indent=2) + "\n")
    assert steps == json.loads((GOLDEN / "push-aws.json").read_text())
    # What only the API can answer is in angle brackets, which are no tag.
    calls = json.loads(json.dumps([step for step in steps if "service" in step]).replace("<image ID>", "ab12"))
    assert not [problem for call in calls for problem in problems(call)]


def test_every_request_is_allowed_by_the_launchers_policy(toy: ToyDocker) -> None:
    toy.kennel.settings(AWS)
    asked = {f"ecr:{step['operation']}" for step in toy.plan("push", "--target", "aws") if step.get("service") == "ecr"}
    settings = read("aws", toy.kennel.folder, {}, {}, toy.kennel.folder / "kennel.toml")
    allowed = {action for row in policies.launcher(settings, repositories())["Statement"] for action in row["Action"]}
    assert len(asked) == 5 and asked < allowed


def test_a_push_is_remembered_by_digest_and_found_by_the_next(pushed: ToyDocker, server: LocalServer) -> None:
    made, sent = pushed.record("images"), pushed.record("images-local")
    assert list(sent) == list(made) == ["train", "serve-cpu", "serve-torch", "rules"]
    for image, entry in sent.items():
        about = server.ecr.describe_repositories(repositoryNames=[f"kennel-{image}"])["repositories"][0]
        assert about["imageTagMutability"] == "IMMUTABLE" and about["imageScanningConfiguration"]["scanOnPush"]
        detail = server.ecr.describe_images(repositoryName=f"kennel-{image}")["imageDetails"][0]
        assert entry["uri"] == f"{about['repositoryUri']}@{detail['imageDigest']}" and detail["imageTags"] == [entry["tag"]]
        assert entry["image"] == made[image]["image"]
        rules = json.loads(server.ecr.get_lifecycle_policy(repositoryName=f"kennel-{image}")["lifecyclePolicyText"])["rules"]
        assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "any"]
    before = len(pushed.calls("push"))
    assert pushed.run("push").stdout.count("was there") == 4
    assert len(pushed.calls("push")) == before


def test_no_password_is_on_a_command_line_or_left_behind(pushed: ToyDocker) -> None:
    logins = pushed.calls("login")
    assert len(logins) == 4
    for call in logins:
        assert call["words"][:4] == ["login", "--username", "AWS", "--password-stdin"]
        assert call["environment"]["DOCKER_HOST"] == "unix:///toy.sock", "the person's context is kept"
        assert not Path(call["environment"]["DOCKER_CONFIG"]).exists()
    printed = json.dumps(pushed.calls("push")) + json.dumps(logins)
    assert "auth" not in printed and "AWS_SECRET" not in printed


def test_jobs_use_what_was_pushed_and_what_was_built_since(pushed: ToyDocker) -> None:
    def image(*words: str) -> str:
        request = pushed.plan("train", "--data-name", "tiny", *words)[0]["request"]
        return request["AlgorithmSpecification"]["TrainingImage"]

    assert image() == "kennel-train", "processes are the default"
    assert image("--backend", "docker") == pushed.record("images-local")["train"]["uri"]
    newer = {"train": {"image": "sha256:" + "ab" * 32}}
    (pushed.kennel.folder / ".kennel" / "images.json").write_text(json.dumps(newer))
    assert image("--backend", "docker") == "sha256:" + "ab" * 32
    assert image("--backend", "docker", "--train-image", "mine") == "mine"
    deploy = ("deploy", "--model-data", "s3://b/model.tar.gz", "--backend", "docker")
    for instance, kind in (("ml.m5.large", "serve-cpu"), ("ml.g5.xlarge", "serve-torch")):
        container = pushed.plan(*deploy, "--serve-instance", instance)[0]["request"]["PrimaryContainer"]
        assert container["Image"] == pushed.record("images-local")[kind]["uri"]


def test_code_is_answered_by_the_image_with_torch(pushed: ToyDocker, tmp_path: Path) -> None:
    def image(*words: str, backend: str = "docker") -> str:
        calls = pushed.plan("deploy", "--backend", backend, *words)
        return next(call for call in calls if call["operation"] == "CreateModel")["request"]["PrimaryContainer"]["Image"]

    (script := tmp_path / "inference.py").write_text("def model_fn(folder): ...\n")
    models = {}
    for name, files in (
        ("classifier", ["model.json"]),
        ("coded", ["model.json", "code/inference.py"]),
        ("traced", ["model.pt"]),
        ("mar", ["MAR-INF/MANIFEST.json"]),
        ("none", []),
    ):
        for file in files:
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).touch()
        models[name] = tmp_path / f"{name}.tar.gz"
        archive.pack(tmp_path / name, models[name]) if files else models[name].write_bytes(b"no archive")
    sent = {kind: entry["uri"] for kind, entry in pushed.record("images-local").items()}
    in_s3 = ("--model-data", "s3://b/model.tar.gz")
    assert image(*in_s3, "--code", str(script)) == sent["serve-torch"]
    assert image(*in_s3, "--code", str(script), "--serve-image", "mine") == "mine", "the person's own image has what they need"
    assert image(*in_s3, "--code", str(script), "--code-image", "mine") == "mine"
    assert image(*in_s3, "--code-image", "mine") == sent["serve-cpu"]
    assert image(*in_s3, "--code", str(script), backend="process") == "kennel-serve"
    found = {name: image("--model", str(model)) for name, model in models.items()}
    torch = dict.fromkeys(("coded", "traced", "mar"), sent["serve-torch"])
    assert found == torch | dict.fromkeys(("classifier", "none"), sent["serve-cpu"])


def test_the_plain_names_stay_programs_beside_containers(tmp_path: Path) -> None:
    settings = Settings(target="local", home=tmp_path, backend="docker", train_image="sha256:1", serve_image="sha256:2")
    table = [word.partition("=")[0] for word in local_server.command(settings, 0) if "=" in word]
    assert {"kennel-train", "kennel-serve"} <= set(table) and not {"sha256:1", "sha256:2"} & set(table)


def test_on_aws_the_digests_that_were_pushed_there_are_used(toy: ToyDocker) -> None:
    toml = "\n".join(line for line in AWS.splitlines() if "-image" not in line)
    toy.kennel.settings(toml)
    words = ("train", "--data-name", "dogs", "--target", "aws")
    missing = toy.run(*words, "--dry-run", status=2).stderr
    assert "train-image: no image for target aws yet; kennel build and kennel push bring it there" in missing
    names = ("train", "rules")
    uris = {name: f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/kennel-{name}@sha256:{'cd' * 32}" for name in names}
    toy.kennel.write(".kennel/images-aws.json", {name: {"uri": uri, "image": "sha256:1"} for name, uri in uris.items()})
    request = toy.plan(*words)[0]["request"]
    assert request["AlgorithmSpecification"]["TrainingImage"] == uris["train"]
    assert {rule["RuleEvaluatorImage"] for rule in request["DebugRuleConfigurations"]} == {uris["rules"]}


def test_an_image_that_is_gone_or_altered_is_told_before_any_job(pushed: ToyDocker, server: LocalServer) -> None:
    sent = pushed.record("images-local")["train"]
    server.ecr.batch_delete_image(repositoryName="kennel-train", imageIds=[{"imageTag": sent["tag"]}])
    words = ("train", "--data-name", "tiny", "--backend", "docker")
    error = pushed.run(*words, status=2).stderr
    assert "the registry has nothing under kennel-train:" in error and "kennel push" in error and error.count("\n") == 1
    newer = {"train": {"image": "sha256:" + "ab" * 32}}
    (pushed.kennel.folder / ".kennel" / "images.json").write_text(json.dumps(newer))
    assert "the engine has it no longer; build it again with kennel build" in pushed.run(*words, status=2).stderr
    assert not server.sagemaker.list_training_jobs()["TrainingJobSummaries"]


def test_what_cannot_be_pushed_is_one_line_and_not_remembered(toy: ToyDocker) -> None:
    assert "kennel-rules: not in the engine; build with kennel build rules" in toy.run("push", "rules", status=2).stderr
    toy.run("build", "rules")
    toy.settings(refuses="no basic auth credentials")
    assert toy.run("push", "rules", status=2).stderr == "push: docker login: no basic auth credentials\n"
    toy.settings(alter=True)
    error = toy.run("push", "rules", status=2).stderr
    assert "not sha256:" in error and "nothing is recorded" in error and error.count("\n") == 1
    assert not toy.record("images-local")


def test_without_an_image_the_docker_backend_says_how_to_get_one(kennel: Kennel) -> None:
    status, error = kennel.fail("train", "--data-name", "tiny", "--backend", "docker")
    assert status == 2 and "train-image: no image for target local yet; kennel build makes it" in error
    assert (
        "backend: podman is not known; need process or docker"
        in kennel.fail("train", "--data-name", "x", "--backend", "podman")[1]
    )
