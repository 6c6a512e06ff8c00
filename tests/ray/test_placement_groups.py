"""What a dead process reserved is given back; what a living one holds, or another's job, stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ray
LIMIT_S = 60.0


class Maker:
    """As Ray Train's controller: an actor that is not detached, and makes a group."""

    def make(self) -> str:
        import ray
        from ray.util.placement_group import placement_group

        group = placement_group([{"CPU": 0.1}])
        ray.get(group.ready())
        return str(group.id.hex())


class Owner:
    """As `TrainingGroup`: with it the maker dies."""

    def __init__(self) -> None:
        import ray

        self._maker = ray.remote(num_cpus=0)(Maker).remote()

    def make(self) -> str:
        import ray

        return str(ray.get(self._maker.make.remote()))


def test_only_those_of_dead_makers_of_our_jobs(local_ray: Path) -> None:
    import ray

    from skillray.on_ray.placement_groups import release_orphans, this_job

    owners = [ray.remote(num_cpus=0)(Owner).options(lifetime="detached", name=f"owner-{n}").remote() for n in range(2)]
    dead, alive = ray.get([owner.make.remote() for owner in owners])
    try:
        ray.kill(owners[0])
        _wait(lambda: _maker_is_dead(dead))
        assert _state(dead) == "CREATED", "Ray gives it back by itself now: this module may go"
        node, _ = this_job().split("/")
        release_orphans([f"{node}/ffffffff", f"{'0' * 56}/{this_job().split('/')[1]}"])
        assert _state(dead) == "CREATED"
        assert release_orphans([this_job()]) == 1
        _wait(lambda: _state(dead) == "REMOVED")
        assert _state(alive) == "CREATED"
        assert release_orphans([this_job()]) == 0
    finally:
        ray.kill(owners[1])
        _wait(lambda: _maker_is_dead(alive))
        release_orphans([this_job()])


def _state(group: str) -> Any:
    import ray

    return ray.util.placement_group_table()[group]["state"]


def _maker_is_dead(group: str) -> bool:
    from ray._private.state import state
    from ray.core.generated.gcs_pb2 import PlacementGroupTableData

    table = map(PlacementGroupTableData.FromString, state._connect_and_get_accessor().get_placement_group_table())
    return any(each.placement_group_id.hex() == group and each.creator_actor_dead for each in table)


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.2)
