"""Every field of a config is identity or execution: the same command again refuses the one and takes the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skillray.cli.main import main
from skillray.config import dump_config, parse, refuse_changes
from skillray.config.identity import EXECUTION
from skillray.curriculum import CURRICULA
from skillray.domains import DOMAINS
from skillray.errors import ConfigError
from tests.unit.bad_input.kinds import ANSWERS, POOL, PROBE, RECORDED, TABLES, write_rows
from tests.unit.config.walk import Change, all_places, changes

MAY_CHANGE = {
    "cluster",
    "placement",
    "rounds",
    "teacher_check",
    "budget",
    "grading.scorer.max_batch_tokens",
    "teacher_by_task.*.budget",
    "teacher.replicas",
    "teacher.timeout_s",
    "teacher.concurrency",
    "teacher.price",
    "teacher.url",
    "teacher.api_key_env",
    "teacher.api_key_file",
    "teacher.max_retries",
    "teacher.tensor_parallel_size",
    "teacher.max_replicas",
    "teacher.calls_per_replica",
    "teacher.gpu_memory_utilization",
    "teacher.app",
    "training.checkpoint_every_s",
    "training.step_timeout_s",
}
"""Execution, as it was decided; all else decides what comes out."""
ON_GPUS: dict[str, Any] = {
    "name": "r",
    "students": [{"name": "a", "curriculum": {"type": "stat-syn", "keep": 0.25}}],
    "rollout": {"temperature": 0.5, "samples": 3},
    "training": {"zero_stage": 3},
    "placement": {role: {"num_gpus": 1} for role in ("rollout", "grade", "embed", "train", "teacher", "prm")},
    "embedding": {"model": "embedded"},
}
"""Where most values are right."""
PAID: dict[str, Any] = ON_GPUS | {
    "teacher": {"type": "openai", "model": "m", "price": {"prompt": 1.0, "completion": 2.0}, "url": "https://here/v1"},
    "budget": {"max_calls": 1},
}
EVALUATED: dict[str, Any] = ON_GPUS | {
    "students": [{"name": name, "curriculum": {"type": "uniform"}} for name in "abc"],
    "evaluation": {
        "sets": [
            {"name": "x", "path": "pool.jsonl", "samples": 2, "sampling": {"temperature": 0.9}},
            {"name": "y", "path": "probe.jsonl", "prompt": {"examples": [{"question": "q", "answer": "a"}]}},
        ],
        "contrasts": [{"arm": "a", "control": "b"}],
    },
}
BY_TASK: dict[str, Any] = PAID | {
    "teacher_by_task": [{"tasks": ["write_questions"], "teacher": PAID["teacher"], "budget": {"max_calls": 1}}]
}
TAKEN_APART: dict[str, Any] = PAID | {"graph": {"type": "decompose", "topic": "calculus"}}
LABELLED: dict[str, Any] = TABLES | {"teacher": PAID["teacher"]}
REPLAY = {"type": "textbooks", "replay": 0.1}
STAGES = [
    {"curriculum": {"type": "uniform"}},  # a number of tokens is right without dynamics alone
    {"curriculum": REPLAY},  # its passages have no error baseline
    *({"curriculum": {"type": name}, "dynamics": {}} for name in CURRICULA if name not in ("textbooks", "stat-syn")),
    {"curriculum": {"type": "stat-syn", "keep": 0.25}, "dynamics": {}},
    {"curriculum": {"type": "uniform"}, "training": {"epochs": 9}, "dynamics": {"actions": ["downweight_easy"]}},
]
STAGED = ON_GPUS | {"students": [{"name": "a", "stages": STAGES}], "training": {"zero_stage": 3, "epochs": 9}}
AS_ON_A_CPU = {"engine": "transformers", "dtype": "fp32"}
REPLAYED = LABELLED | {"students": [{"name": "a", "curriculum": REPLAY}]}
CONTINUAL: dict[str, Any] = TABLES | {
    "data": TABLES["data"] | {"profiles": [{"name": "x", "path": "probe.jsonl"}]},
    "students": [{"name": "a", "stages": [{"curriculum": {"type": "stat-sel"}}] * 2}],
}
"""Where the second stage may look at another profile."""
EXAMPLE = {"examples": [{"question": "1+1?", "answer": "2"}]}
ASKED = ON_GPUS | {
    "rollout": {"temperature": 0.5, "prompt": EXAMPLE},
    "students": [{"name": "a", "curriculum": {"type": "uniform"}, "prompt": EXAMPLE}],
}
IN_STAGE_2 = {"name": "r", "students": ON_GPUS["students"], "training": {"lora": {}}}
"""Where four bits are right."""
HELD = IN_STAGE_2 | {"students": [{"name": "a", "stages": [{"curriculum": {"type": "uniform"}}]}]}
"""Where a stage may be held to its start model."""
ANY_DATA = {name: value for name, value in TABLES.items() if name != "data"}
WITH_RECORDED = Change(
    ("rollout", "recorded"),
    ("rollout.recorded", "RolloutSettings", ""),
    TABLES,
    TABLES
    | {"rollout": {"recorded": {"path": "recorded.jsonl"}}}
    | {"students": [*TABLES["students"], RECORDED["students"][0] | {"name": "b"}]},
    "rollout.recorded was None, now {'path': 'recorded.jsonl'}",
)
"""Right only with a student that uses it, and students may be added."""


class StartedError(Exception):
    """Ray would have been started."""


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch, tmp_path) -> None:
    def started(*_: object) -> None:
        raise StartedError

    monkeypatch.setattr("skillray.api._launch", started)
    monkeypatch.setattr("skillray.loop.preflight.find_spec", lambda name: True)  # vllm, where it is not installed
    monkeypatch.setitem(DOMAINS, "arithmeticx", DOMAINS["arithmetic"])  # so that there is another one
    monkeypatch.chdir(tmp_path)
    for name, rows in (("pool", POOL), ("probe", PROBE), ("recorded", ANSWERS)):
        write_rows(tmp_path / f"{name}.jsonl", rows)


@pytest.fixture
def found() -> list[Change]:
    starts = [ON_GPUS, ASKED, PAID, IN_STAGE_2, STAGED, ANY_DATA, TABLES, RECORDED, LABELLED, REPLAYED, TAKEN_APART]
    starts += [CONTINUAL, EVALUATED, BY_TASK, HELD]
    return [*changes(starts), WITH_RECORDED]


def is_execution(change: Change) -> bool:
    return any(f"{change.place[0]}.".startswith(f"{field}.") for field in EXECUTION)


def test_the_walk_reaches_every_field_of_every_variant(found) -> None:
    assert all_places() - {change.place for change in found} == set()
    by_task = {f"teacher_by_task.*.{field}" for field in MAY_CHANGE if field.startswith("teacher.")}
    assert set(EXECUTION) == MAY_CHANGE | by_task


def refused(change: Change, where: str) -> str:
    told = change.told.replace("'recorded.jsonl'", repr(str(Path("recorded.jsonl").absolute())))
    return f"{where} was started with other settings: {told}. Use a new --run-dir."


def test_an_identity_field_is_refused_with_the_difference_and_an_execution_field_is_taken(found) -> None:
    for change in found:
        before, now = parse(change.before, "before"), parse(change.now, "now")
        if is_execution(change):
            refuse_changes(before, now, "RUN")
            continue
        with pytest.raises(ConfigError) as caught:
            refuse_changes(before, now, "RUN")
        assert str(caught.value) == refused(change, "RUN") and "\n" not in str(caught.value)


def test_so_does_the_command(found, capsys) -> None:
    """Every sixth of them: a command reads three configs."""
    for number, change in enumerate(found[::6]):
        folder = Path(f"run-{number}")
        folder.mkdir()
        before = dump_config(parse(change.before, "before"))
        (folder / "config.yaml").write_text(before)
        Path("c.yaml").write_text(json.dumps(change.now))
        with pytest.raises((StartedError, SystemExit)) as ended:
            main(["run", "c.yaml", "--run-dir", str(folder)])
        err = capsys.readouterr().err
        if is_execution(change):
            assert ended.type is StartedError, (change.place, err)
            assert (folder / "config.yaml").read_text() == dump_config(parse(change.now, "now"))
            continue
        expected = f"skillray: {refused(change, str(folder.absolute()))}\n"
        assert (ended.type, err) == (SystemExit, expected), change.place
        assert ended.value.code == 2 and [path.name for path in folder.iterdir()] == ["config.yaml"]
        assert (folder / "config.yaml").read_text() == before  # nothing was written, and nothing started


def test_what_auto_is_by_hardware_is_identity_although_the_hardware_is_not() -> None:
    before = parse(ANY_DATA | {"placement": {"rollout": {"num_gpus": 0}}}, "before")
    now = parse(ANY_DATA | {"placement": {"rollout": {"num_gpus": 1}}}, "now")
    changed = r"rollout\.dtype was 'fp32', now 'bf16'; rollout\.engine was 'transformers', now 'vllm'\. Use a new"
    with pytest.raises(ConfigError, match=changed):
        refuse_changes(before, now, "RUN")
    said = parse(ANY_DATA | {"placement": {"rollout": {"num_gpus": 1}}, "rollout": AS_ON_A_CPU}, "said")
    refuse_changes(before, said, "RUN")
    assert parse(json.loads(json.dumps(before.model_dump(mode="json"))), "again").rollout.engine == "transformers"


@pytest.mark.parametrize("installed", [True, False])
def test_a_real_model_answers_by_vllm_where_it_is_installed(monkeypatch, installed: bool) -> None:
    monkeypatch.setattr("skillray.config.model.find_spec", lambda name: installed or None)
    real = [{"name": "a", "model": "some/model", "curriculum": {"type": "uniform"}}]
    rollout = parse({"name": "r", "students": real}, "real").rollout
    assert (rollout.engine, rollout.dtype) == (("vllm", "bf16") if installed else ("transformers", "fp32"))
    embedded = parse({"name": "r", "students": ON_GPUS["students"]}, "embedded").rollout
    assert (embedded.engine, embedded.dtype) == ("transformers", "fp32")
