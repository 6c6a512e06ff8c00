"""Messages between the workers of a training group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skillray.errors import SkillrayError


def gather(world_size: int, value: Any) -> list[Any]:
    """[world_size] the values of all ranks, by rank; every rank gets the same list."""
    import torch

    if world_size == 1:
        return [value]
    values: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(values, value)
    return values


def together(world_size: int, action: Callable[[], Any]) -> Any:
    """Do `action` on every rank, and return each rank's own result.

    If it fails on one rank, all raise that error: otherwise the others would wait for it in the next collective.
    """
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
    """Do `action` on rank 0, and return its result, or raise its `SkillrayError`, on every rank.

    A process without a group is rank 0.
    """
    import torch

    if not torch.distributed.is_initialized():
        return action()
    rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return gather(world_size, together(world_size, action if rank == 0 else lambda: None))[0]


def first_says(world_size: int, yes: bool, device: Any) -> bool:
    """Rank 0's `yes`, on every rank; a single byte, so that it may be asked after every step."""
    import torch

    if world_size == 1:
        return yes
    answer = torch.tensor([yes], dtype=torch.uint8, device=device)
    torch.distributed.broadcast(answer, src=0)
    return bool(answer)
