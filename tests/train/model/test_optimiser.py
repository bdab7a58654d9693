"""The optimiser takes torch's own steps, and leaves torch's compiler where it is."""

import subprocess
import sys

import torch
from torch import nn

from train.model.optimiser import AdamW


def steps(kind: type[torch.optim.Optimizer]) -> tuple[torch.Tensor, dict]:
    torch.manual_seed(0)
    layer = nn.Linear(20, 3)
    optimiser = kind(layer.parameters(), lr=0.01, weight_decay=0.1, eps=1e-8)
    inputs, labels = torch.randn(9, 20), torch.randint(0, 3, (9,))
    for number in range(10):
        optimiser.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(layer(inputs), labels).backward()
        optimiser.step()
        if number == 5:
            optimiser.load_state_dict(optimiser.state_dict())
    return layer.weight.detach(), optimiser.state_dict()


def test_it_takes_the_very_steps_of_torchs_own() -> None:
    (ours, state), (theirs, expected) = steps(AdamW), steps(torch.optim.AdamW)
    assert torch.equal(ours, theirs)
    assert state["param_groups"] == expected["param_groups"]
    assert all(torch.equal(state["state"][key][name], value) for key in (0, 1) for name, value in expected["state"][key].items())


def test_what_trains_a_head_imports_neither_compiler_nor_torchvision_nor_openvino() -> None:
    """They cost more than a head's training; one careless import would bring them back."""
    program = """
import sys, torch
from train import worker
from train.model.optimiser import AdamW
layer = torch.nn.Linear(4, 2)
optimiser = AdamW(layer.parameters())
layer(torch.ones(3, 4)).sum().backward()
optimiser.step()
print([name for name in ("torch._dynamo", "torchvision", "openvino", "sympy", "smdebug", "pandas") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
