"""The reward model as a warm actor: one for all callers, with the scores of the model itself, replaced when it dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from skillray.config import RunConfig, dump_config, parse
from skillray.errors import DataError
from skillray.loop.prm import open_prm
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from tests.faults.table import Outcome
from tests.ray.test_loop import SMALL
from tests.unit.grading.reward_models import as_rlhflow, save_reward_models

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
ITEMS = [(f"What is {n}+1?", (f"{n}+1={n + 1}", f"#### {n + 1}")) for n in range(12)]
STUDENTS = [{"name": name, "curriculum": {"type": "stat-sel", "num_examples": 20}} for name in ("a", "b")]


def config_with(model: str, **more: Any) -> RunConfig:
    scorer = {"type": "chat_prm", "model": model, "dtype": "fp32"}
    return parse(SMALL | {"name": "scored", "students": STUDENTS, "grading": {"scorer": scorer}} | more, "test")


class Coordinator:
    """As far as a lease looks at one."""


@pytest.fixture
def started(local_ray, tmp_path, request):
    """A run that has begun: (its config, the writer), and a coordinator that lives."""
    import ray

    from skillray.on_ray.runner import COORDINATOR, end_all, namespace_of

    model = save_reward_models(tmp_path / "models")["chat_prm"] if request.param is None else request.param
    config = config_with(model)
    with writing(str(tmp_path / "run")) as fence:
        fence.commit(RunFolder(fence.run).config, dump_config(config).encode())
        namespace = namespace_of(config.name, fence)
        coordinator = ray.remote(num_cpus=0.1)(Coordinator).options(name=COORDINATOR, namespace=namespace).remote()
        yield config, fence
        end_all(namespace)
        ray.kill(coordinator)


def ask(name: str, config: RunConfig, fence: Any, what: Callable[[Any], Any]) -> Any:
    """Of the actor's process."""
    import ray

    from skillray.on_ray.runner import namespace_of

    actor = ray.get_actor(name, namespace=namespace_of(config.name, fence))
    return ray.get(actor.__ray_call__.remote(what))


def pid_of(name: str, config: RunConfig, fence: Any) -> int:
    return int(ask(name, config, fence, lambda self: os.getpid()))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("started", [None], indirect=True)
def test_callers_share_one_model_that_is_replaced_when_it_dies(started, outcomes: list[Outcome]) -> None:
    from skillray.on_ray.scorer import warm_scorers

    config, fence = started
    scorer = config.grading.scorer
    expected = [pytest.approx(as_rlhflow(scorer.model, *item), abs=1e-5) for item in ITEMS[:3]]
    score = warm_scorers(config, fence)()
    assert score(ITEMS[:3]) == expected
    first = pid_of("prm-0", config, fence)

    with ThreadPoolExecutor(4) as workers:  # each with its own handle, as workers of a stage have
        calls = [workers.submit(lambda at=at: warm_scorers(config, fence)()(ITEMS[at : at + 3])) for at in (0, 3, 6, 9)]
        shared = [found for call in calls for found in call.result()]
    model = open_prm(scorer, "cpu")
    assert shared == [pytest.approx(found, abs=1e-5) for found in model.score(ITEMS)]
    assert pid_of("prm-0", config, fence) == first  # warm, and the same for all

    many, start = ITEMS * 20, time.monotonic()
    with ThreadPoolExecutor(4) as workers:
        calls = [workers.submit(lambda: warm_scorers(config, fence)()(many)) for _ in range(4)]
        wait_until(lambda: ask("prm-0", config, fence, lambda self: self._calls > 1))
        os.kill(first, signal.SIGKILL)
        found = [call.result() for call in calls]
    equal = all(one == [pytest.approx(scores, abs=1e-5) for scores in model.score(many)] for one in found)
    outcomes.append(
        Outcome(
            fault="kill -9: reward model at work", seeds="-", injected=1, recovered=1, lost=0, equal=equal,
            seconds=time.monotonic() - start,
        )
    )  # fmt: skip
    assert equal and pid_of("prm-0", config, fence) != first


@pytest.mark.parametrize("started", ["./none"], indirect=True)
def test_a_model_that_cannot_be_loaded_is_one_line(started) -> None:
    from skillray.on_ray.scorer import warm_scorers

    config, fence = started
    with pytest.raises(DataError, match=r"there is no such folder"):
        warm_scorers(config, fence)()(ITEMS[:1])
