"""Dead ReLUs, saturated activations and pictures that were not normalised."""

from pathlib import Path

import numpy as np
import pytest

from rules.checks.activations import by_unit
from tests.rules.conftest import Evaluate
from tests.support.saved_tensors import write


def test_relus_that_a_high_rate_has_killed_are_dead(evaluate: Evaluate) -> None:
    result = evaluate("DeadRelu", "dead", tensor_regex=".*relu.*_output")
    assert result.status == "IssuesFound"
    assert result.evidence[0].value > 50 and "of 32 units are inactive" in result.evidence[0].message
    assert evaluate("DeadRelu", "healthy", tensor_regex=".*relu.*_output").status == "NoIssuesFound"


def test_a_unit_is_a_channel(tmp_path: Path, evaluate: Evaluate) -> None:
    """Half of all outputs are zero in both: in every channel a half, or one half of the channels whole."""
    scattered, whole = np.ones((4, 6, 4, 4), "f4"), np.ones((4, 6, 4, 4), "f4")
    scattered[:, :, ::2], whole[:, :4] = 0, 0
    folder = write(tmp_path, {0: {"a.relu_output_0": scattered, "b.relu_output_0": whole}})
    result = evaluate("DeadRelu", folder)
    assert [(one.subject, one.value) for one in result.evidence] == [("b.relu_output_0", pytest.approx(100 * 4 / 6))]


def test_the_units_of_a_sequence_are_its_features() -> None:
    assert by_unit(np.zeros((2, 7, 5))).shape == (5, 14)
    assert by_unit(np.zeros((2, 5))).shape == (5, 2) and by_unit(np.zeros((2, 5, 3, 3))).shape == (5, 18)


def test_tanhs_with_huge_weights_are_saturated(evaluate: Evaluate) -> None:
    result = evaluate("SaturatedActivation", "saturated", tensor_regex=".*tanh.*_input")
    assert result.status == "IssuesFound" and "between -9.4999 and 9.4999" in result.evidence[0].message


def test_tanh_and_sigmoid_have_limits_of_their_own(tmp_path: Path, evaluate: Evaluate) -> None:
    twelve = np.full((8, 4), 12.0, "f4")
    folder = write(tmp_path, {0: {"a.tanh_input_0": twelve, "a.sigmoid_input_0": twelve}})
    assert [one.subject for one in evaluate("SaturatedActivation", folder).evidence] == ["a.tanh_input_0"]
    wide = evaluate("SaturatedActivation", folder, threshold_tanh_max=13, threshold_sigmoid_max=11)
    assert [one.subject for one in wide.evidence] == ["a.sigmoid_input_0"]


def test_healthy_activations_are_not_saturated(tmp_path: Path, evaluate: Evaluate) -> None:
    random = np.random.default_rng(0)
    folder = write(
        tmp_path, {0: {"a.tanh_input_0": random.normal(0, 2, (32, 8)), "a.sigmoid_input_0": random.normal(0, 2, (32, 8))}}
    )
    assert evaluate("SaturatedActivation", folder).status == "NoIssuesFound"


def test_pictures_with_a_mean_are_not_normalised(evaluate: Evaluate) -> None:
    result = evaluate("CheckInputImages", "unnormalised")
    assert result.status == "IssuesFound"
    assert result.evidence[0].value == pytest.approx(0.5, abs=0.15) and "over 512 images" in result.evidence[0].message
    assert evaluate("CheckInputImages", "healthy").status == "NoIssuesFound"


def test_a_dark_and_a_bright_channel_do_not_hide_each_other(tmp_path: Path, evaluate: Evaluate) -> None:
    images = np.zeros((10, 3, 4, 4), "f4")
    images[:, 0], images[:, 2] = -1, 1
    folder = write(
        tmp_path,
        {0: {"Net_input_0": images, "Net_conv1_input_0": np.ones((10, 3, 4, 4)), "CrossEntropyLoss_input_0": np.ones((10, 3))}},
    )
    result = evaluate("CheckInputImages", folder, threshold_samples=10)
    assert {one.subject for one in result.evidence} == {"Net_input_0", "Net_conv1_input_0"} and result.evidence[0].value == 1
    last = evaluate("CheckInputImages", folder, threshold_samples=10, channel=3, regex="^Net_input_0")
    assert last.status == "NoIssuesFound", "over the other axes the two cancel"


def test_too_few_pictures_are_not_judged(tmp_path: Path, evaluate: Evaluate) -> None:
    result = evaluate("CheckInputImages", write(tmp_path, {0: {"Net_input_0": np.ones((10, 3, 4, 4), "f4")}}))
    assert result.status == "Error" and "threshold_samples is 500 and 10 images were saved" in result.details


@pytest.mark.parametrize("rule", ["DeadRelu", "SaturatedActivation", "CheckInputImages"])
def test_what_was_not_saved_is_named(evaluate: Evaluate, rule: str) -> None:
    result = evaluate(rule, "overfit")
    assert result.status == "Error" and "include_regex" in result.details
