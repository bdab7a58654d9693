"""What looks like a secret, and what does not."""

import pytest

from scripts.aws.secrets import hide, looks_secret

HARMLESS = [
    ("lr", "0.001"),
    ("max-tokens", "100"),
    ("arch", "resnet18"),
    ("tokenizer", "wordpiece"),
    ("monkey", "banana"),
    ("image", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/kennel@sha256:" + "ab" * 32),
    ("data", "s3://bucket/kennel/data/dogs/train/"),
    ("role", "arn:aws:iam::123456789012:role/kennel-execution"),
    ("commit", "0123456789abcdef0123456789abcdef01234567"),
    ("password", ""),
]


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_harmless(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_a_message_of_others_loses_its_keys() -> None:
    assert hide("key AKIAIOSFODNN7EXAMPLE is wrong") == "key ... is wrong"
