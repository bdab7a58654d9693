"""The paths of the contract, spelled out: a typo here is a job that finds nothing."""

from pathlib import Path

from contract.layout import Layout


def test_paths_under_opt_ml() -> None:
    layout = Layout.from_environ({})
    assert str(layout.hyperparameters) == "/opt/ml/input/config/hyperparameters.json"
    assert str(layout.input_data_config) == "/opt/ml/input/config/inputdataconfig.json"
    assert str(layout.resource_config) == "/opt/ml/input/config/resourceconfig.json"
    assert str(layout.checkpoint_config) == "/opt/ml/input/config/checkpointconfig.json"
    assert str(layout.debug_hook_config) == "/opt/ml/input/config/debughookconfig.json"
    assert str(layout.channel("train")) == "/opt/ml/input/data/train"
    assert str(layout.model) == "/opt/ml/model"
    assert str(layout.failure) == "/opt/ml/output/failure"
    assert str(layout.output_data) == "/opt/ml/output/data"
    assert str(layout.profiler) == "/opt/ml/output/profiler"
    assert str(layout.output_profiler) == "/opt/ml/output/data/profiler"
    assert str(layout.profiler_config) == "/opt/ml/input/config/profilerconfig.json"
    assert str(layout.tensors) == "/opt/ml/output/tensors"
    assert str(layout.checkpoints) == "/opt/ml/checkpoints"


def test_the_base_can_be_moved() -> None:
    assert Layout.from_environ({"SAGEMAKER_BASE_DIR": "/somewhere/else"}).model == Path("/somewhere/else/model")
