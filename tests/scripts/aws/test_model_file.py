"""What is given as the model.tar.gz to deploy: a file, or one line that says what else it is."""

import pytest

from tests.support.person import Kennel


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("none.tar.gz", "--model none.tar.gz: no such file; give a model.tar.gz"),
        ("my model", "--model my model: is a folder; pack what is in it: tar -C 'my model' -czf model.tar.gz ."),
        ("s3://bucket/model.tar.gz", "--model s3:/bucket/model.tar.gz: no such file; give it as --model-data"),
    ],
)
def test_what_is_no_file_is_told_in_one_line(kennel: Kennel, model: str, said: str) -> None:
    (kennel.folder / "my model").mkdir()
    status, told = kennel.fail("deploy", "--model", model)
    assert status == 2 and said in told and told.count("\n") == 1
