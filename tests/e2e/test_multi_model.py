"""A multi-model endpoint of our own image's name and of AWS's, on the programs as they lie here."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import multi_model_endpoint

pytestmark = pytest.mark.timeout(300)
INFERENCE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


@pytest.mark.parametrize("image", ["kennel-serve", INFERENCE])
def test_each_target_model_answers_as_itself(clients: dict[str, Any], image: str, dogs: list[bytes], tmp_path: Path) -> None:
    multi_model_endpoint.check(clients, image, dogs[0], tmp_path)
