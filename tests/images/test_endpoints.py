"""Endpoints of AWS's image name in containers: people's inference code (tests/projects/handlers), and many models behind one."""

from pathlib import Path

import pytest

from tests.support import handler_endpoints, multi_model_endpoint
from tests.support.handlers import HANDLERS, Handler
from tests.support.project_jobs import Machine

CHOSEN = ("state_dict", "rows_of_csv", "picture_back", "service_class")
"""A network, a pickle and pandas, a picture for an answer, and TorchServe's kind of handler."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("handler", [one for one in HANDLERS if one.name in CHOSEN], ids=lambda handler: handler.name)
def test_a_persons_code_answers_in_the_image_with_torch(machine: Machine, handler: Handler) -> None:
    handler_endpoints.check(machine.kennel.clients(), handler)


@pytest.mark.timeout(300)
def test_many_models_answer_in_one_container(machine: Machine, dogs: list[bytes], tmp_path: Path) -> None:
    multi_model_endpoint.check(machine.kennel.clients(), handler_endpoints.IMAGE, dogs[0], tmp_path)
