"""Named warm actors: found, replaced, and out of the way of others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from skillray.config import dump_config, parse
from skillray.errors import DataError, StageError
from skillray.store.layout import RunFolder
from skillray.store.lock import writing

pytestmark = pytest.mark.ray

STUDENTS = [{"name": "a", "curriculum": {"type": "uniform", "num_examples": 5}}]


class Coordinator:
    """The name that they look for."""


@pytest.fixture
def start(local_ray, tmp_path) -> Iterator:
    """`start(**placement of rollouts)` is a warm actor of a new run, which has not started yet."""
    import ray

    from skillray.on_ray.runner import end_all
    from skillray.on_ray.warm import Warm, WarmActor

    class Echo(WarmActor):
        idle_s = 0.4

        def pid(self) -> int:
            with self.busy():
                return os.getpid()

        def break_off(self) -> None:
            os._exit(1)

        def refuse(self) -> None:
            raise DataError("this is no model")

        def end_first(self) -> int | None:
            if os.path.exists(self.run.file("ended")):
                return os.getpid()
            open(self.run.file("ended"), "w").close()
            self.end()
            return None

    run = RunFolder(str(tmp_path / "run"))
    os.makedirs(run.path)
    namespace = f"warm-{tmp_path.name}"
    coordinator = ray.remote(num_cpus=0.1)(Coordinator).options(name="coordinator", namespace=namespace).remote()
    with writing(run.path) as fence:

        def made(**rollout) -> Warm:
            config = parse({"name": "warm", "students": STUDENTS, "placement": {"rollout": rollout}}, "test")
            fence.commit(run.config, dump_config(config).encode())
            return Warm(Echo, fence, namespace, "echo", {"num_cpus": 0.1})

        yield made
        end_all(namespace)
        ray.kill(coordinator)


def test_runs_of_one_name_in_two_folders_do_not_meet_on_a_cluster(local_ray) -> None:
    from skillray.on_ray.runner import namespace_of, teacher_of
    from skillray.store.fence import Fence

    fences = Fence("/runs/a", 1), Fence("/runs/b", 1), Fence("/runs/a", 2)
    first, other, later = ((namespace_of("run", fence), teacher_of("run", fence)) for fence in fences)
    assert not set(first) & set(other)
    assert first[0] != later[0] and first[1] == later[1]


def test_it_is_started_once_and_stays(start) -> None:
    warm = start()
    pid = warm.call("pid")
    time.sleep(2.0)  # idle, and nobody waits for its place
    assert warm.call("pid") == pid != os.getpid()


def test_one_that_is_ending_is_no_failure(start) -> None:
    warm = start()
    pid = warm.call("pid")
    assert warm.call("end_first") != pid
    assert warm.call("pid") != pid


def test_one_that_dies_is_replaced_but_not_for_ever(start) -> None:
    warm = start()
    pid = warm.call("pid")
    with pytest.raises(StageError, match="echo: its process died 3 times"):
        warm.call("break_off")
    assert warm.call("pid") != pid


def test_what_it_refuses_keeps_its_line(start) -> None:
    with pytest.raises(DataError, match=r"^this is no model$"):
        start().call("refuse")


def test_idle_it_makes_room_where_the_cluster_is_too_small_for_all_roles(start) -> None:
    import ray

    warm = start(num_cpus=1000)
    pid = warm.call("pid")
    deadline = time.monotonic() + 20.0
    while any(actor["name"] == "echo" for actor in ray.util.list_named_actors(all_namespaces=True)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert warm.call("pid") != pid  # and comes back when it is needed
