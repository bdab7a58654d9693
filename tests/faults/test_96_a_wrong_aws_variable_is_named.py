"""Row 96. With target aws, a variable of the person's that botocore cannot use is told by its name, its value and the next step.

Also scripts.aws.environment.
"""

from pathlib import Path

import pytest

from scripts.aws.environment import problems
from tests.support.person import AWS, Kennel

KEY = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40}
WRONG = {
    "AWS_MAX_ATTEMPTS": ("abc", "0", "-1", "1.5"),
    "AWS_METADATA_SERVICE_TIMEOUT": ("soon",),
    "AWS_RETRY_MODE": ("never",),
    "AWS_DEFAULTS_MODE": ("abc",),
    "AWS_STS_REGIONAL_ENDPOINTS": ("x",),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": ("IPv7",),
    "AWS_REGION": ("Frankfurt", "eu-central-1/../x", "eu-central-123"),
    "AWS_DEFAULT_REGION": ("not a region!",),
    "AWS_ENDPOINT_URL": ("garbage", "http://", "http://[::1", "http://host:99999", "http://host:0", "ftp://host"),
    "AWS_ENDPOINT_URL_SAGEMAKER": ("garbage",),
}
RIGHT = {
    "AWS_MAX_ATTEMPTS": ("1", "10"),
    "AWS_RETRY_MODE": ("adaptive", "Standard"),
    "AWS_REGION": ("us-east-1", "us-gov-west-1", "ap-southeast-12", ""),
    "AWS_ENDPOINT_URL": ("https://sagemaker.example.com", "http://host:65535", "http://[::1]:1/path"),
    "AWS_PROFILE": ("any thing",),
}


def test_each_wrong_value_is_told_and_no_right_one() -> None:
    for name, values in WRONG.items():
        for value in values:
            (told,) = problems({name: value, "AWS_PROFILE": "x"})
            assert told.startswith(f"{name} is {value!r}; need "), told
    for name, values in RIGHT.items():
        for value in values:
            assert not problems({name: value}), (name, value)


@pytest.mark.parametrize("name", ["AWS_MAX_ATTEMPTS", "AWS_METADATA_SERVICE_TIMEOUT", "AWS_ENDPOINT_URL"])
def test_a_launcher_says_it_in_one_line(tmp_path: Path, name: str) -> None:
    kennel = Kennel(tmp_path)
    kennel.settings(AWS)
    error = kennel.run("status", "--target", "aws", status=2, **{**KEY, name: WRONG[name][0], "AWS_RETRY_MODE": "never"}).stderr
    print(error.strip())
    assert f"{name} is {WRONG[name][0]!r}" in error and "AWS_RETRY_MODE is 'never'" in error
    assert len(error.splitlines()) == 1 and "kennel's own" not in error


def test_a_broken_file_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("[profile\nregion = = nowhere\n")
    kennel = Kennel(tmp_path)
    kennel.settings(AWS)
    error = kennel.run("status", "--target", "aws", status=2, AWS_CONFIG_FILE=str(tmp_path / "broken"), **KEY).stderr
    print(error.strip())
    assert str(tmp_path / "broken") in error and "mend that file" in error
