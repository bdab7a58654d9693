"""Row 41: missing bucket, role or image, expired credentials, throttling. One line, exit 2, no key; patience has an end."""

import time
from pathlib import Path

import pytest

from tests.support.fakes import FaultyProxy
from tests.support.local_server import LocalServer
from tests.support.person import AWS, Kennel, KennelHere

THROTTLED = ("ThrottlingException", "Rate exceeded")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data", "--bucket", "no-such-bucket"), "bucket"),
        (("train", "--bucket", "no-such-bucket"), "no-such-bucket"),
        (("train", "--data-name", "no-such-set"), "upload first (kennel data"),
        (("train", "--train-image", "no-such-image"), "no-such-image"),
        (("train", "--role-arn", "arn:aws:iam::123456789012:user/me"), "role"),
        (("train", "--train-instance", "ml.nonsense"), "ml.nonsense"),
        (("deploy", "--model-data", "s3://no-such-bucket/model.tar.gz"), "no-such-bucket"),
    ],
)
def test_what_is_missing_is_named(kennel_here: KennelHere, words: tuple[str, ...], said: str) -> None:
    if words[0] == "data":
        words = (*words, "--folder", str(kennel_here.folder / "pictures"))
    done = kennel_here.run(*words, status=None)
    assert done.returncode in (1, 2) and said in done.stderr, done
    assert done.stderr.count("\n") == 1 and len(done.stderr) < 900


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (("ExpiredTokenException", "The security token included in the request is expired"), "sign in again"),
        (
            ("AccessDeniedException", "User me is not authorized to use AKIAIOSFODNN7EXAMPLE"),
            "kennel policies",
        ),
        (("ResourceLimitExceeded", "The account-level service limit is 0 Instances"), "quota"),
        (("ValidationException", "Could not assume role arn:aws:iam::1:role/x. Check its trust."), "check role-arn"),
    ],
)
def test_a_refusal_has_a_next_step(kennel_here: KennelHere, server: LocalServer, fault: tuple[str, str], said: str) -> None:
    with FaultyProxy(server.url, CreateTrainingJob=[fault]) as proxy:
        kennel_here.use(proxy.url, server)
        error = kennel_here.run("train", status=2).stderr
        assert said in error and error.count("\n") == 1 and "AKIA" not in error and proxy.seen["CreateTrainingJob"] == 1


def test_five_throttlings_are_sat_out_and_more_are_not(kennel: Kennel, server: LocalServer, tmp_path: Path) -> None:
    other, start = Kennel(tmp_path / "other"), time.monotonic()
    with (
        FaultyProxy(server.url, ListEndpoints=[THROTTLED] * 5) as proxy,
        FaultyProxy(server.url, ListTrainingJobs=[THROTTLED] * 100) as without_end,
    ):
        other.use(without_end.url, server)
        impatient = other.start("status")
        kennel.use(proxy.url, server)
        kennel.run("status")
        print(f"five throttlings cost {time.monotonic() - start:.1f} s")
        assert proxy.seen["ListEndpoints"] == 6
        _, error = impatient.communicate(timeout=120)
        print(f"given up after {time.monotonic() - start:.1f} s")
        assert impatient.returncode == 2 and without_end.seen["ListTrainingJobs"] == 6
        assert "Rate exceeded" in error and "run the same command again" in error and error.count("\n") == 1


def test_no_credentials_no_region_and_no_digest(tmp_path: Path) -> None:
    kennel = KennelHere(tmp_path)
    kennel.settings(AWS)
    assert "credentials" in kennel.run("train", "--data-name", "x", "--target", "aws", status=2).stderr
    assert "region: not given for target aws" in _without(kennel, "region")
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/kennel-train:1"
    error = kennel.run("train", "--data-name", "x", "--target", "aws", "--train-image", image, status=2).stderr
    assert f"train-image: {image} has no digest" in error and error.count("\n") == 1


def _without(kennel: Kennel, setting: str) -> str:
    kennel.settings("\n".join(line for line in AWS.splitlines() if not line.startswith(setting)))
    error = kennel.run("train", "--data-name", "x", "--target", "aws", status=2).stderr
    kennel.settings(AWS)
    return error
