"""An image's configuration against the contract: a good one passes, and each planted fault is the one finding."""

from typing import Any

import pytest

from scripts.check_result import CheckResult
from scripts.images.image_config import BIND_TO_PORT, check, check_serving

GOOD: dict[str, Any] = {
    "Os": "linux",
    "Architecture": "amd64",
    "Size": 657_000_000,
    "Config": {"Entrypoint": ["/usr/bin/env", "--"], "Env": ["PATH=/usr/bin"], "Labels": {BIND_TO_PORT: "true"}},
}
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
PLANTED = [
    ("arm64", {"Architecture": "arm64"}, {}, "fail", "--platform linux/amd64"),
    ("shell form", {}, {"Entrypoint": ["/bin/sh", "-c", "python main.py"]}, "fail", "exec form"),
    ("bare tini", {}, {"Entrypoint": ["/usr/bin/tini", "-g"]}, "warn", '"--"'),
    ("stop signal", {}, {"StopSignal": "SIGINT"}, "warn", "STOPSIGNAL"),
    ("user", {}, {"User": "10001:10001"}, "warn", "drop privileges"),
    ("volume", {}, {"Volumes": {"/opt/ml/model": {}}}, "fail", "remove VOLUME"),
    ("secret", {}, {"Env": ["AWS_SECRET_ACCESS_KEY=abc"]}, "fail", "when the container starts"),
    ("too large", {"Size": 11 * 10**9}, {}, "warn", "multi-stage"),
    ("index", {"Descriptor": {"mediaType": "application/vnd.oci.image.index.v1+json"}}, {}, "fail", "--provenance=false"),
]


def bad(findings: list[CheckResult]) -> list[CheckResult]:
    return [found for found in findings if found.level != "ok"]


def test_a_good_image_passes() -> None:
    assert bad([*check(GOOD, ["COPY a b"]), *check_serving(GOOD)]) == []


@pytest.mark.parametrize(("image", "config", "level", "remedy"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED])
def test_a_planted_fault_is_the_one_finding(image: dict, config: dict, level: str, remedy: str) -> None:
    planted = GOOD | image | {"Config": GOOD["Config"] | config}
    (found,) = bad(list(check(planted, [])))
    assert found.level == level and remedy in found.fix


def test_a_secret_in_a_build_step_is_told_without_showing_it() -> None:
    (found,) = bad(list(check(GOOD, ["COPY a b", f"RUN curl -u {KEY}"])))
    assert found.level == "fail" and "build step 2 of 2" in found.text and KEY not in found.text


def test_labels_and_ports_of_an_image_that_serves() -> None:
    planted = GOOD | {"Config": {"ExposedPorts": {"80/tcp": {}}}}
    label, port = check_serving(planted)
    assert label.level == "warn" and BIND_TO_PORT in label.fix
    assert port.level == "warn" and "80/tcp" in port.text


def test_tini_with_a_program_is_no_finding() -> None:
    planted = GOOD | {"Config": {"Entrypoint": ["tini", "--", "main"]}}
    assert bad(list(check(planted, []))) == []
