"""What the workers of a group say to each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skillray.errors import SkillrayError


def gather(world_size: int, value: Any) -> list[Any]:
    """`value` of every rank, on every rank."""
    import torch

    if world_size == 1:
        return [value]
    values: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(values, value)
    return values


def together(world_size: int, action: Callable[[], Any]) -> Any:
    """`action` on every rank; where it fails on one, all raise its error, and no rank waits for one that is gone."""
    error, result = None, None
    try:
        result = action()
    except SkillrayError as failure:
        error = failure
    for failed in gather(world_size, error):
        if failed is not None:
            raise failed
    return result


def from_rank_0(action: Callable[[], Any]) -> Any:
    """What `action` gives on rank 0, on every rank; its `SkillrayError` too. A process on its own is rank 0."""
    import torch

    if not torch.distributed.is_initialized():
        return action()
    rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return gather(world_size, together(world_size, action if rank == 0 else lambda: None))[0]


def first_says(world_size: int, yes: bool, device: Any) -> bool:
    """Rank 0's answer, on every rank."""
    import torch

    if world_size == 1:
        return yes
    answer = torch.tensor([yes], dtype=torch.uint8, device=device)
    torch.distributed.broadcast(answer, src=0)
    return bool(answer)
