"""The stages of a network before its head, found by its structure; what is trained, and how fast, is chosen by them."""

from collections.abc import Iterator

from torch import nn


def stages(module: nn.Module, head: str) -> list[nn.Module]:
    """The parts of a network before its head, in the order of the forward pass: its children that have weights.

    A child that holds the head, or more than half of all weights, counts as its own children.
    """
    return list(_stages(module, module.get_submodule(head), _size(module)))


def _stages(block: nn.Module, head: nn.Module, whole: int) -> Iterator[nn.Module]:
    for part in _parts(block, head):
        if _size(part) > whole / 2 and list(part.children()):
            yield from _stages(part, head, whole)
        elif _size(part):
            yield part


def last_block(module: nn.Module, head: str) -> nn.Module:
    """The last block with a weight matrix before the head: for a ResNet its last residual block.

    The search goes down from the whole network through lists of blocks, and through any part with more than half of the weights.
    """
    whole, block, last = _size(module), module, module.get_submodule(head)
    while True:
        parts = [part for part in _parts(block, last) if any(parameter.ndim > 1 for parameter in part.parameters())]
        is_list = type(block) in (nn.Sequential, nn.ModuleList)
        if not parts or not (block is module or is_list or _size(block) > whole / 2):
            return block
        block = parts[-1]


def _parts(block: nn.Module, head: nn.Module) -> Iterator[nn.Module]:
    """The children of a block without the head; a child that holds the head gives its own children instead."""
    for part in block.children():
        if part is not head:
            if any(inner is head for inner in part.modules()):
                yield from _parts(part, head)
            else:
                yield part


def _size(module: nn.Module) -> int:
    """Its number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())
