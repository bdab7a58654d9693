"""Vanishing gradients, poor initialisation and updates out of proportion: found where they are, and not in a healthy training."""

from pathlib import Path

import numpy as np
import pytest

from tests.rules.conftest import Evaluate
from tests.support.saved_tensors import write


def test_gradients_vanish_in_deep_sigmoid_layers(evaluate: Evaluate) -> None:
    result = evaluate("VanishingGradient", "vanishing")
    assert result.status == "IssuesFound"
    subjects = {one.subject for one in result.evidence}
    assert "gradient/Perceptron_linear0.weight" in subjects, "the first layer is the furthest from the loss"
    assert "gradient/Perceptron_head.weight" not in subjects
    assert all(0 <= one.value < one.threshold == 1e-7 for one in result.evidence)
    first = result.evidence[0]
    met = f"at step {first.step} resulted in the condition being met"
    assert result.details == f"RuleEvaluationConditionMet: Evaluation of the rule VanishingGradient {met}"
    assert "ReLU" in result.advice and result.series[first.subject][0][1] == first.value


def test_a_bias_before_batchnorm_has_not_vanished(evaluate: Evaluate) -> None:
    result = evaluate("VanishingGradient", "healthy")
    assert result.status == "NoIssuesFound" and result.details == ""
    biases = [min(value for _, value in series) for name, series in result.series.items() if "conv" in name and "bias" in name]
    assert min(biases) < 1e-7, "the trap is there: without the exception the rule would fire"


def test_a_whole_layer_without_gradient_has_vanished(tmp_path: Path, evaluate: Evaluate) -> None:
    gradients = {"gradient/fc.weight": np.zeros((2, 2), "f4"), "gradient/fc.bias": np.zeros(2, "f4")}
    result = evaluate("VanishingGradient", write(tmp_path, {0: gradients}, gradients="^gradient"))
    assert {one.subject for one in result.evidence} == {"gradient/fc.weight", "gradient/fc.bias"}


def test_the_threshold_is_a_parameter(evaluate: Evaluate) -> None:
    assert evaluate("VanishingGradient", "healthy", threshold=0.5).status == "IssuesFound"


def test_without_gradients_it_says_what_to_save(evaluate: Evaluate) -> None:
    result = evaluate("VanishingGradient", "overfit")
    assert result.status == "Error"
    assert "saved no tensors that it reads (gradients)" in result.details
    assert '{"CollectionName": "gradients", "CollectionParameters": {"save_interval": "1"}}' in result.details


def test_weights_of_zero_are_a_poor_beginning(evaluate: Evaluate) -> None:
    result = evaluate("PoorWeightInitialization", "constant", activation_inputs_regex=".*relu.*_input")
    assert result.status == "IssuesFound"
    assert result.evidence[0].step == 9, "the last of the first ten steps"
    assert any("gradient" in one.subject and "p95 - p5" in one.message for one in result.evidence)


def test_layers_of_different_scale_are_a_poor_beginning(tmp_path: Path, evaluate: Evaluate) -> None:
    random = np.random.default_rng(0)
    layers = {f"relu{layer}_input_0": random.normal(0, 10.0**layer, (8, 64)) for layer in range(3)}
    folder = write(tmp_path, {step: {"loss": 2.0 + 0.1 * (step % 2), **layers} for step in range(10)}, "TRAIN")
    result = evaluate("PoorWeightInitialization", folder, activation_inputs_regex="relu.*_input")
    assert result.status == "IssuesFound"
    assert result.evidence[0].subject == "relu0_input_0" and result.evidence[0].value == pytest.approx(1e4, rel=0.2)


@pytest.mark.parametrize("disease", ["healthy", "imbalanced"])
def test_layers_of_different_scale_do_no_harm_while_the_loss_falls(evaluate: Evaluate, disease: str) -> None:
    result = evaluate("PoorWeightInitialization", disease, activation_inputs_regex=".*relu.*_input", threshold=1.01)
    assert result.status == "NoIssuesFound", "the variances differ by more than 1.01, but the network learns"


def test_one_loss_is_too_few_to_judge_a_beginning(tmp_path: Path, evaluate: Evaluate) -> None:
    layer = {"gradient/a": np.ones((2, 2))}
    saved = {step: {"loss": 2.0 - step / 500, **layer} for step in (0, 500)}
    result = evaluate("PoorWeightInitialization", write(tmp_path / "saved", saved, "TRAIN", gradients="gradient"))
    assert result.status == "NoIssuesFound" and "of more than 5 of the first 10 steps and saw 1. Save them" in result.details
    assert all(name in result.details for name in ("losses", "gradients", "relu_input"))
    result = evaluate("PoorWeightInitialization", write(tmp_path / "losses", {0: {"loss": 2.0}}, "TRAIN"))
    assert result.status == "Error" and "neither gradients nor activation inputs were saved" in result.details
    result = evaluate("PoorWeightInitialization", write(tmp_path / "late", {500: {"loss": 2.0, **layer}}, "TRAIN"))
    assert result.status == "Error" and "the losses of the first steps were not saved" in result.details
    assert all(name in result.details for name in ("losses", "gradients", "relu_input"))


@pytest.mark.parametrize("interval", [1, 500])
@pytest.mark.parametrize(("steps", "judged"), [(6, True), (5, False)])
def test_a_training_can_be_too_short_to_judge_its_beginning(
    tmp_path: Path, evaluate: Evaluate, interval: int, steps: int, judged: bool
) -> None:
    saved = {step: {"loss": 9.0 - step, "gradient/a": np.arange(20.0).reshape(4, 5)} for step in range(steps)}
    result = evaluate("PoorWeightInitialization", write(tmp_path, saved, "TRAIN", interval=interval, gradients="gradient"))
    if judged:
        assert (result.status, result.details) == ("NoIssuesFound", "")
    elif interval == 1:
        assert result.status == "NoIssuesFound"
        assert result.details.endswith("it needs the losses of more than 5 of the first 10 steps and saw 5.")
    else:
        assert result.status == "NoIssuesFound" and "and saw 5. Save them: add " in result.details


def test_updates_far_too_large_and_none_at_all(evaluate: Evaluate) -> None:
    large = evaluate("WeightUpdateRatio", "exploding")
    assert large.status == "IssuesFound" and large.evidence[0].value > large.evidence[0].threshold == 10.0
    small = evaluate("WeightUpdateRatio", "frozen")
    assert small.status == "IssuesFound" and small.evidence[0].value == 0 and small.evidence[0].threshold == 1e-8
    assert evaluate("WeightUpdateRatio", "healthy").status == "NoIssuesFound"


def test_a_frozen_layer_among_others_is_no_update_out_of_proportion(tmp_path: Path, evaluate: Evaluate) -> None:
    steps = {
        step: {"a.weight": np.full(4, 1.0 + step / 100), "b.weight": np.ones(4), "c.weight": np.zeros(4)} for step in range(4)
    }
    result = evaluate("WeightUpdateRatio", write(tmp_path, steps, "TRAIN", weights="weight"))
    assert result.status == "NoIssuesFound" and list(result.series) == ["a.weight"]


def test_weights_saved_while_evaluating_are_not_compared(tmp_path: Path, evaluate: Evaluate) -> None:
    steps = {step: {"a.weight": np.ones(4)} for step in range(4)}
    result = evaluate("WeightUpdateRatio", write(tmp_path, steps, "EVAL", weights="weight"))
    assert result.status == "Error", "they never change there"


def test_num_steps_is_the_distance_of_the_two_steps(tmp_path: Path, evaluate: Evaluate) -> None:
    steps = {step: {"a.weight": np.full(4, 2.0**step)} for step in range(6)}
    folder = write(tmp_path, steps, "TRAIN", weights="weight")
    assert [value for _, value in evaluate("WeightUpdateRatio", folder).series["a.weight"]] == pytest.approx([1.0] * 5)
    far = evaluate("WeightUpdateRatio", folder, num_steps=3).series["a.weight"]
    assert far == [(step, pytest.approx(7.0)) for step in (3, 4, 5)]
