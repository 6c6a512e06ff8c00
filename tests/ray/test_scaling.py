"""Engines of a vLLM teacher come when calls wait, and go when none do: on Serve's own autoscaler, without an engine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from skillray.teacher.settings import VllmTeacherConfig

pytestmark = pytest.mark.ray
APP = "teacher-scaling"
FAST = {"upscale_delay_s": 0.5, "downscale_delay_s": 0.5, "look_back_period_s": 1.0, "metrics_interval_s": 0.2}
"""Half a minute and ten minutes otherwise."""


class Slow:
    """An engine: what a call costs is time."""

    async def chat(self, seconds: float) -> int:
        await asyncio.sleep(seconds)
        return os.getpid()


class Teacher:
    """Its replica, from which the calls come."""

    async def ask(self, calls: int, seconds: float) -> set[int]:
        """Engines that answered."""
        from ray import serve

        handle = serve.get_app_handle(APP)
        return set(await asyncio.gather(*(handle.chat.remote(seconds) for _ in range(calls))))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_engines_come_with_the_calls_and_go_with_them(local_ray) -> None:
    import ray
    from ray import serve

    from skillray.on_ray.engine import scaling

    config = VllmTeacherConfig(model="m", replicas=1, max_replicas=2, calls_per_replica=4, concurrency=16)
    options = scaling(config)
    options["autoscaling_config"] |= FAST
    serve.start(proxy_location="Disabled")
    deployment = serve.deployment(Slow).options(**options, ray_actor_options={"num_cpus": 0.1})
    serve.run(deployment.bind(), name=APP, route_prefix=None)
    teacher = ray.remote(num_cpus=0.1)(Teacher).remote()

    def engines() -> int:
        [found] = serve.status().applications[APP].deployments.values()
        return found.replica_states.get("RUNNING", 0)

    try:
        assert len(ray.get(teacher.ask.remote(4, 3.0), timeout=30)) == 1 == engines()  # what one engine takes
        seen: set[int] = set()

        def both_worked() -> bool:
            seen.update(ray.get(teacher.ask.remote(24, 1.0), timeout=60))
            return len(seen) == 2 and engines() == 2

        wait_for(both_worked)  # calls go on until the second is up
        wait_for(lambda: engines() == 1)
    finally:
        ray.kill(teacher)
        serve.delete(APP)
