"""Placement groups that Ray forgets: what a dead process of ours reserved is given back.

Ray removes a placement group when the actor that made it and that actor's job have both ended, and looks only when one
of them ends. Ray Train's controller makes one for its workers, in the job of our driver. So when a worker group dies
while the driver lives, its GPUs stay reserved, and the group that replaces it waits for them; and when the driver was
gone before the controller made it, nobody ever removes it. Ray Train's own cleaner does not help with either before the
workers are up, nor on a cluster without a dashboard.
"""

from __future__ import annotations

from collections.abc import Collection

import ray


def this_job() -> str:
    """NODE/JOB of the calling actor's driver: node ids tell clusters apart, job numbers begin again in each."""
    context = ray.get_runtime_context()
    return f"{context.get_node_id()}/{context.get_job_id()}"


def release_orphans(jobs: Collection[str]) -> int:
    """Remove every placement group whose maker was an actor of `jobs`, and is dead; how many there were."""
    # Ray's public tables do not say who made a group.
    from ray._private.state import state
    from ray.core.generated.gcs_pb2 import PlacementGroupTableData as Group
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    nodes = {node["NodeID"] for node in ray.nodes()}  # dead ones too
    ours = {job for node, job in (entry.split("/") for entry in jobs) if node in nodes}
    released = 0
    for data in state._connect_and_get_accessor().get_placement_group_table():
        group = Group.FromString(data)
        orphaned = group.creator_actor_dead and not group.is_detached and group.state != Group.REMOVED
        if orphaned and group.creator_job_id.hex() in ours:
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
            released += 1
    return released
