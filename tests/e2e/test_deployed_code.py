"""`kennel deploy --code`: a person's inference.py put into a model, asked, changed and asked again."""

import io
import tarfile
from collections.abc import Iterator

import pytest

from tests.support.person import Kennel

pytestmark = pytest.mark.timeout(300)
SCRIPT = """
import os

def model_fn(model_dir):
    return open(os.path.join(model_dir, "word.txt")).read()

def transform_fn(model, body, content_type, accept):
    return f"{model} GREETING {body.decode()}", "text/plain"
"""


@pytest.fixture()
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kennel]:
    kennel = Kennel(tmp_path_factory.mktemp("work"))
    with tarfile.open(kennel.folder / "trained.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("word.txt")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"rex:"))
    (kennel.folder / "code").mkdir()
    yield kennel
    kennel.run("stop")


def ask(person: Kennel) -> str:
    runtime = person.client("sagemaker-runtime")
    return runtime.invoke_endpoint(EndpointName="kennel", ContentType="text/plain", Body=b"dog")["Body"].read().decode()


def write(person: Kennel, greeting: str) -> None:
    (person.folder / "code" / "inference.py").write_text(SCRIPT.replace("GREETING", greeting))


def test_an_edit_is_answered_after_one_command(person: Kennel) -> None:
    write(person, "hello")
    plan = person.plan("deploy", "--model", "trained.tar.gz", "--code", "code")
    assert [call["operation"] for call in plan if "operation" in call][:3] == ["ListObjectsV2", "PutObject", "CreateModel"]
    done = person.run("deploy", "--model", "trained.tar.gz", "--code", "code").stdout
    assert "code   1 file put into the model" in done and "InService" in done and ask(person) == "rex: hello dog"
    assert "has this model already" in person.run("deploy", "--model", "trained.tar.gz", "--code", "code").stdout
    write(person, "good day")
    person.run("deploy", "--model", "trained.tar.gz", "--code", "code/inference.py")
    assert ask(person) == "rex: good day dog"

    # A model that lies in S3, as a training job leaves it.
    person.client("s3").put_object(
        Bucket="kennel-local", Key="m/model.tar.gz", Body=(person.folder / "trained.tar.gz").read_bytes()
    )
    write(person, "bonjour")
    person.run("deploy", "--model-data", "s3://kennel-local/m/model.tar.gz", "--code", "code")
    assert ask(person) == "rex: bonjour dog"

    (person.folder / "code" / "inference.py").write_text(SCRIPT.replace("return open", "raise ValueError('no dog')  # open"))
    broken = person.run("deploy", "--model", "trained.tar.gz", "--code", "code", status=1).stderr
    assert "went back to the model it had" in broken and "ValueError: no dog (inference.py:5 in model_fn)" in broken, broken
    assert ask(person) == "rex: bonjour dog"
    write(person, "hello }")
    refused = person.run("deploy", "--model", "trained.tar.gz", "--code", "code", status=2).stderr
    assert "code/inference.py:8: f-string" in refused and "nothing was sent" in refused
    for words, said in (
        (("--model-data", "s3://kennel-local/none/model.tar.gz"), "s3://kennel-local/none/model.tar.gz: no such model"),
        (("--model", "code/inference.py"), "not a whole tar.gz"),
    ):
        write(person, "again")
        error = person.run("deploy", *words, "--code", "code", status=2).stderr
        assert said in error and error.count("\n") == 1
    assert ask(person) == "rex: bonjour dog"
