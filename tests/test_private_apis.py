"""Parts of other people's packages that Kennel uses and nobody promises: an upgrade that takes one away fails here first.

Each test names the file of ours that breaks. What the parts do is tested there; here they must exist, in the shape that is used.
"""

import inspect
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from train import hyperparameter_types


@pytest.mark.parametrize("method", ["add_param_group", "zero_grad", "state_dict", "load_state_dict", "step"])
def test_torch_wraps_the_methods_of_its_optimisers(method: str) -> None:
    """train/model/optimiser.py takes them out of their wrappers."""
    wrapped = getattr(torch.optim.AdamW, method)
    plain = inspect.unwrap(wrapped)
    assert plain is not wrapped and plain.__name__ == method and next(iter(inspect.signature(plain).parameters)) == "self"


def test_torch_has_the_functions_behind_the_average_and_batch_norm() -> None:
    """train/model/ema.py and sync_batchnorm.py."""
    values = [torch.zeros(2)]
    torch._foreach_lerp_(values, [torch.ones(2)], 0.25)
    assert values[0].tolist() == [0.25, 0.25]
    base = torch.nn.modules.batchnorm._BatchNorm
    assert issubclass(torch.nn.BatchNorm2d, base) and {"_check_input_dim", "forward"} <= set(dir(base))


def test_torchs_profiler_gives_its_events() -> None:
    """train/profiling/operators.py sums them itself."""
    from torch._C._autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as watched:
        torch.ones(2).sum()
    event = next(event for event in watched.profiler.kineto_results.events() if event.name() == "aten::sum")
    assert event.device_type() == DeviceType.CPU and not event.is_async() and not event.is_user_annotation()
    assert event.duration_ns() >= 0 < event.start_ns() and event.start_thread_id() >= 0 and isinstance(event.nbytes(), int)


def test_torch_counts_flops_under_global() -> None:
    """train/profiling/operators.py."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        torch.ones(2, 3) @ torch.ones(3, 4)
    assert {str(name): count for name, count in counter.get_flop_counts()["Global"].items()} == {"aten.mm": 2 * 2 * 3 * 4}


def test_torchrun_names_the_exit_code_of_a_rank() -> None:
    """train/supervisor.py reads it out of torchrun's last words."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

    said = str(ChildFailedError("worker", {0: ProcessFailure(local_rank=0, pid=1, exitcode=-9, error_file="none")}))
    assert re.findall(r"exitcode\s*:\s*(-?\d+)", said) == ["-9"]


def test_torchs_data_loader_says_who_died() -> None:
    """train/data/loader.py tells a dead worker from other errors by these words."""
    from torch.utils.data import _utils, dataloader

    text = inspect.getsource(dataloader) + inspect.getsource(_utils)
    assert "DataLoader worker (pid(s)" in text and "DataLoader timed out" in text


def test_torchvision_registers_its_classifiers_in_their_source() -> None:
    """train/hyperparameter_types.py reads the names there, for importing torchvision takes seconds."""
    from torchvision import models

    assert set(hyperparameter_types.architectures()) == set(models.list_models(module=models))


def test_smdebug_has_its_hook_and_the_names_that_are_used() -> None:
    """train/profiling/debug_hook.py, and train/config.py: the variable that keeps smdebug from evaluating a profiler's config."""
    import smdebug.pytorch
    from smdebug.core.access_layer import utils
    from smdebug.profiler import profiler_config_parser

    assert utils.END_OF_JOB_FILENAME == "training_job_end.ts"
    assert {"create_from_json_file", "register_module", "register_loss", "set_mode", "close"} <= set(dir(smdebug.pytorch.Hook))
    assert {"TRAIN", "EVAL"} <= set(dir(smdebug.pytorch.modes))
    assert "SMPROFILER_CONFIG_PATH" in inspect.getsource(profiler_config_parser)


def test_sagemaker_training_parses_the_files_of_the_platform() -> None:
    """train/config.py."""
    from sagemaker_training.environment import Environment

    fields = {"hyperparameters", "channel_input_dirs", "hosts", "current_host", "network_interface_name", "num_gpus"}
    assert fields <= set(dir(Environment))


def test_openvino_takes_a_trace_and_nncf_says_nothing_home() -> None:
    """train/export."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    import train.export  # noqa: F401  which hides the package that reports

    assert {"example_input", "trace_kwargs"} <= set(inspect.signature(TorchScriptPythonDecoder.__init__).parameters)
    assert {"convert", "load"} <= set(dir(FrontEndManager().load_by_framework("pytorch")))
    with pytest.raises(ImportError):
        import openvino_telemetry  # noqa: F401


def test_pillow_tells_whether_it_may_be_written_to_and_decodes_smaller() -> None:
    """contract/pictures/picture.py."""
    picture = Image.new("RGB", (8, 8))
    assert picture.readonly == 0 and callable(picture.draft) and isinstance(picture.info, dict)


def test_torch_saves_in_the_layout_that_salvage_reads(tmp_path: Path) -> None:
    """train/salvage/torch_file.py, and train/model/pretrained.py's look at a file before it is loaded."""
    import zipfile

    torch.save({"w": torch.ones(2)}, tmp_path / "w.pth")
    with zipfile.ZipFile(tmp_path / "w.pth") as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        assert {"data.pkl", "byteorder", "data/0"} <= names
        assert all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
