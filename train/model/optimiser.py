"""AdamW takes torch's own steps without importing torch's compiler.

torch wraps its optimisers' methods to keep the compiler out of them, and the wrappers import it: 1.2 s, more than the training
of a head takes. Nothing is compiled here, so the methods are used as they are inside their wrappers.
"""

from inspect import unwrap

import torch

_AdamW = torch.optim.AdamW


class AdamW(_AdamW):
    """Takes the very steps of torch.optim.AdamW and reads and writes its state."""

    add_param_group = unwrap(_AdamW.add_param_group)
    zero_grad = unwrap(_AdamW.zero_grad)
    state_dict = unwrap(_AdamW.state_dict)
    load_state_dict = unwrap(_AdamW.load_state_dict)
    step = torch.no_grad()(unwrap(_AdamW.step))
