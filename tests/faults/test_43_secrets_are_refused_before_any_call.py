"""Row 43: values that look like secrets in hyperparameters and tags. Refused before any request; names only are shown."""

import os
from pathlib import Path

import pytest

from local_sagemaker.storage.store import RootLock
from tests.support.fakes import FaultyProxy
from tests.support.person import Kennel

LETTERS = "abcDEF123456"
PLANTED = {
    "aws-id": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws-session-id": "ASIA" + "IOSFODNN7EXAMPLE",
    "aws-key": "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
    "pem": "-----BEGIN RSA PRIVATE " + "KEY-----",
    "openssh": "-----BEGIN OPENSSH PRIVATE " + "KEY-----",
    "github": "ghp_" + LETTERS * 3,
    "github-fine": "github_pat_" + LETTERS * 3,
    "gitlab": "glpat-" + LETTERS * 2,
    "slack": "xoxb-" + "1234567890-" + LETTERS,
    "slack-hook": "https://hooks.slack.com/services/T0/B0/" + LETTERS,
    "stripe": "sk_live_" + LETTERS * 2,
    "stripe-restricted": "rk_live_" + LETTERS * 2,
    "openai": "sk-" + LETTERS * 3,
    "hugging-face": "hf_" + LETTERS * 3,
    "index": "pypi-" + LETTERS * 3,
    "npm": "npm_" + LETTERS * 3,
    "google": "AIza" + LETTERS * 3,
    "google-access": "ya29." + LETTERS * 2,
    "jwt": "eyJhbGciOiJI" + ".eyJzdWIiOiIx." + LETTERS,
    "sendgrid": "SG." + LETTERS * 2 + ".x",
    "bearer": "Bearer " + LETTERS * 2,
    "url": "https://me:" + "hunter2@example.com/",
    "database": "postgres://me:" + "hunter2@db/dogs",
    "presigned": "https://b.s3.amazonaws.com/k?X-Amz-Signature=" + LETTERS,
    "azure": "AccountKey=" + LETTERS * 3,
    "nvidia": "nvapi-" + LETTERS * 3,
    "docker": "dckr_pat_" + LETTERS * 3,
    "password": "x",
    "db-passwd": "x",
    "api_key": "x",
    "API-TOKEN": "x",
    "clientSecret": "x",
    "aws_secret_access_key": "x",
    "credentials": "x",
}


@pytest.mark.parametrize("name", PLANTED)
def test_it_is_refused_by_name(tmp_path: Path, name: str) -> None:
    kennel = Kennel(tmp_path)
    for words in (["--set", f"{name}={PLANTED[name]}"], ["--tags", f"{name}={PLANTED[name]}"]):
        for verb in ("train", "tune"):
            status, error = kennel.fail(verb, "--data-name", "x", "--dry-run", *words)
            assert status == 2 and f"{name!r}: looks like a secret" in error, error
            assert PLANTED[name] == "x" or PLANTED[name] not in error


def test_no_request_was_sent(tmp_path: Path) -> None:
    kennel = Kennel(tmp_path)
    kennel.settings('[local]\ntags = ["token=abc"]\n')
    with FaultyProxy("http://127.0.0.1:9") as proxy:
        lock = RootLock(tmp_path / ".kennel" / "local")  # so that a server is believed to be there
        about = {"url": proxy.url, "pid": os.getpid(), "access_key": "a", "secret_key": "b"}
        kennel.write(".kennel/local/server.json", about)
        assert "tag 'token'" in kennel.run("train", "--data-name", "x", status=2).stderr
        print(f"{len(PLANTED)} kinds of secrets, {proxy.seen.total()} requests")
        assert not proxy.seen
        lock.release()
