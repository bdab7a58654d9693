"""The rules a person can ask for: each is one that rules/ has, and what is saved for it is what it reads."""

import json
from pathlib import Path

import pytest
import smdebug.pytorch as smdebug
import torch
from torch import nn

from rules.checks.catalog import DEBUGGER, PROFILER, make
from rules.checks.evaluation import Evaluation, Status
from scripts.aws import builtin_rules
from scripts.errors import LaunchError


def test_the_names_are_those_of_the_rules() -> None:
    assert set(builtin_rules.DEBUGGER) == {rule.__name__ for rule in DEBUGGER}
    assert set(builtin_rules.PROFILER) == {rule.__name__ for rule in PROFILER}
    assert set(builtin_rules.DEFAULT) <= set(builtin_rules.DEBUGGER) | set(builtin_rules.PROFILER)
    assert {name for needed in builtin_rules.DEBUGGER.values() for name in needed} <= set(builtin_rules.COLLECTIONS)


def test_rules_are_read_with_their_parameters() -> None:
    rules = builtin_rules.read("Overfit:patience=2:ratio_threshold=0.3, SimilarAcrossRuns:other_trials=s3://b/k")
    assert rules[0] == builtin_rules.Rule("Overfit", {"patience": "2", "ratio_threshold": "0.3"})
    assert rules[1].parameters == {"other_trials": "s3://b/k"} and not rules[0].is_profiler
    assert builtin_rules.read("none") == ()
    for text, words in (
        ("Overfitt", "not known; known: AllZero"),
        ("Overfit,Overfit", "more than once"),
        ("Overfit,none", "none"),
    ):
        with pytest.raises(LaunchError, match=words):
            builtin_rules.read(text)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.relu, self.two, self.tanh = nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh()
        self.three, self.relu2 = nn.Linear(16, 16), nn.ReLU()
        self.head = nn.Linear(16, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self.tanh(self.two(self.relu(self.one(inputs))))
        return self.head(self.relu2(self.three(hidden)))


PARAMETERS = {
    "AllZero": {"collection_names": "weights"},
    "TensorVariance": {"collection_names": "weights", "max_threshold": "100"},
    "UnchangedTensor": {"collection_names": "weights"},
    "DeadRelu": {},
    "PoorWeightInitialization": {"activation_inputs_regex": ".*relu2?_input"},
}


def test_what_is_saved_for_a_rule_is_enough_to_judge_by(tmp_path: Path) -> None:
    """All rules over tensors on one healthy training, saved as the launcher asks for it."""
    place, config = tmp_path / "tensors", tmp_path / "hook.json"
    rules = builtin_rules.read(",".join(builtin_rules.DEBUGGER))
    hook_parameters = {"save_interval": "10"}
    body = {
        "LocalPath": str(place),
        "HookParameters": hook_parameters,
        "CollectionConfigurations": builtin_rules.collections(rules),
    }
    config.write_text(json.dumps(body))
    hook, network, loss = smdebug.Hook.create_from_json_file(str(config)), Net(), nn.CrossEntropyLoss()
    hook.register_module(network)
    hook.register_loss(loss)
    torch.manual_seed(0)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    for step in range(60):
        labels = torch.randint(0, 4, (64,))
        inputs = torch.eye(16)[labels] * 3 + torch.randn(64, 16) * 0.3
        training = step % 20 < 16
        hook.set_mode(smdebug.modes.TRAIN if training else smdebug.modes.EVAL)
        optimiser.zero_grad()
        value = loss(network(inputs), labels)
        if training:
            value.backward()
            optimiser.step()
    hook.close()
    (place / "training_job_end.ts").write_text("0")
    for rule in rules:
        if rule.name == "SimilarAcrossRuns":
            parameters = {"other_trials": str(place)}
        else:
            parameters = PARAMETERS.get(rule.name, {})
        if rule.name == "CheckInputImages":
            continue  # these inputs are no pictures
        result = Evaluation(rule=make(rule.name, parameters), place=str(place), follow=True).run()
        assert result.status is not Status.ERROR, (rule.name, result.details)


def test_a_program_without_modes_saves_what_training_would(tmp_path: Path) -> None:
    """smdebug's own reader of the hook's configuration says at which steps a loss is saved."""
    hooks = {
        "S3OutputPath": "s3://bucket/tensors",
        "LocalPath": str(tmp_path / "out"),
        "HookParameters": {"save_interval": "100"},
        "CollectionConfigurations": builtin_rules.collections((), without_modes=True),
    }
    (tmp_path / "hook.json").write_text(json.dumps(hooks))
    hook = smdebug.Hook.create_from_json_file(str(tmp_path / "hook.json"))
    saved = hook.collection_manager.get("losses").save_config
    for mode in (smdebug.modes.GLOBAL, smdebug.modes.TRAIN):
        assert [step for step in range(31) if saved.should_save_step(mode, step)] == [0, 10, 20, 30]
    assert "global.save_interval" not in json.dumps(builtin_rules.collections(()))
