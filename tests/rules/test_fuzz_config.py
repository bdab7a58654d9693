"""Whatever a processing job's configuration holds, it gives a rule's settings or a ParameterError."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.checks.catalog import ALL
from rules.config import read_config
from rules.errors import ParameterError
from tests.support.fuzzing import bounded, fuzzed, json_values

KNOWN = ["rule_to_invoke", "start_step", "end_step", "base_trial", "threshold", "action_json"]
NAMES = st.one_of(st.sampled_from(KNOWN), st.text(max_size=5))
VALUES = st.one_of(st.sampled_from([*ALL, "1", "None", "-1", "1e400", "nan", "٣", "²", "9" * 5000]), json_values(2))
ENVIRONMENT = st.dictionaries(NAMES, VALUES, max_size=5)


@pytest.fixture(scope="module", autouse=True)
def base() -> object:
    """The container's folder."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_BASE_DIR", folder)
        (Path(folder) / "config").mkdir()
        yield


@fuzzed(150)
@given(
    st.one_of(
        st.builds(lambda rule, rest: {"Environment": {"rule_to_invoke": rule} | rest}, st.sampled_from(sorted(ALL)), ENVIRONMENT),
        st.builds(lambda rest, outputs: {"Environment": rest, "ProcessingOutputConfig": outputs}, ENVIRONMENT, json_values(4)),
        json_values(),
    )
)
@example({"Environment": {"rule_to_invoke": "Overfit", "start_step": "²"}})
@example({"Environment": {"rule_to_invoke": "Overfit", "start_step": "9" * 5000}})
@example({"Environment": {"rule_to_invoke": "Overfit", "start_step": 5}})
@example({"Environment": {"rule_to_invoke": ["x"]}})
@example({"Environment": {"rule_to_invoke": "Overfit", "base_trial": 1}})
@example({"Environment": [1], "ProcessingOutputConfig": {}})
@example({"Environment": {"rule_to_invoke": "Overfit"}, "ProcessingOutputConfig": {"Outputs": [{"S3Output": {"LocalPath": 1}}]}})
@example({"Environment": {"rule_to_invoke": "Overfit"}, "ProcessingOutputConfig": {"Outputs": {"0": 1}}})
def test_any_configuration_gives_settings_or_is_refused(body: object) -> None:
    (Path(os.environ["SAGEMAKER_BASE_DIR"]) / "config" / "processingjobconfig.json").write_text(json.dumps(body))

    def read() -> None:
        try:
            found = read_config([])
        except ParameterError as error:
            assert len(str(error)) < 2000
        else:
            assert isinstance(found.place, str) and found.start_step >= 0

    bounded(read)
