"""A perfect student and a broken one in one run, by the answers that were recorded of them: how each ends, and what is
said about it. The answers are to questions of the arithmetic domain, so that no file is needed; nothing is trained."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.errors import DataError
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.layout import RunFolder

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
CONFIG: dict[str, Any] = {
    "name": "outcomes",
    "data": {"type": "tables", "pool": {"path": "pool.jsonl"}, "probe": {"path": "probe.jsonl"}},
    "students": [
        {"name": name, "recorded": name, "curriculum": {"type": "stat-sel", "num_examples": 20}}
        for name in ("perfect", "silent")
    ],
    "rollout": {"recorded": {"path": "recorded.jsonl"}},
    "grading": {"scorer": {"type": "outcome"}},
    "diagnosis": {"source": "labels"},
    # No example fits: whoever has something to learn has nothing to learn it from.
    "training": {"max_length": 1},
    "placement": {"grade": {"max_workers": 1, "num_cpus": 0.1}, "rollout": {"max_workers": 1}},
}


def write_rows(folder: Path) -> None:
    def rows(split: str, per_skill: int) -> list[dict[str, Any]]:
        made = DOMAINS["arithmetic"].questions(split, per_skill, seed=3)
        fields = ("question", "answer", "solution", "level")
        return [
            {name: getattr(one, name) for name in fields} | {"question_id": str(n), "skills": list(one.skills)}
            for n, one in enumerate(made)
        ]

    probe = rows("held_out", 3)
    answers = [
        {"question_id": row["question_id"], "student": name, "sample": 0, "response": row["solution"] if right else ""}
        for row in probe
        for name, right in (("perfect", True), ("silent", False))
    ]
    for name, table in (("pool", rows("pool", 1)), ("probe", probe), ("recorded", answers)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    (folder / "c.yaml").write_text(json.dumps(CONFIG))


def test_a_perfect_and_a_silent_student(local_ray, tmp_path, monkeypatch, capsys) -> None:
    from skillray.cli.main import main

    write_rows(tmp_path)
    monkeypatch.chdir(tmp_path)
    # The command starts a Ray of its own; here it is given the one that all tests share.
    monkeypatch.setattr("skillray.on_ray.launch.connected", lambda *_: contextlib.nullcontext())
    with pytest.raises(SystemExit) as ended:
        main(["run", "c.yaml", "--run-dir", "run"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")

    run = RunFolder(str(tmp_path / "run"))
    status, summary = read_json(run.status)["students"], read_json(run.summary)["students"]
    assert {name: (entry["state"], entry["stop_reason"]) for name, entry in status.items()} == {
        "perfect": ("done", "nothing_to_learn"),
        "silent": ("done", "nothing_left"),
    }
    assert status["perfect"]["warnings"] == []
    (warning,) = status["silent"]["warnings"]
    held_out = run.questions("held_out").num_rows()
    assert f"probably broken: of {held_out} held-out answers 0 are right, {held_out} have no final answer" in warning
    assert summary["silent"]["warnings"] == [warning]

    base = {name: entry["rounds"][0]["accuracy"]["mean"] for name, entry in summary.items()}
    assert base == {"perfect": 1.0, "silent": 0.0} and all(len(entry["rounds"]) == 1 for entry in summary.values())
    assert "none of the" in summary["perfect"]["outcome"]
    assert "20 are longer than training.max_length" in summary["silent"]["outcome"]
    for name in ("perfect", "silent"):
        assert not run.round(name, 0).segment().table("schedule").complete()  # nobody was trained
    page = open(run.report).read()
    for entry in summary.values():
        assert entry["outcome"] in out and entry["outcome"] in page
    assert f"WARNING silent, {warning}" in out and "probably broken" in page

    from skillray.on_ray.verbs import Runner

    for recorded in ("perfect", "nobody"):  # of a student that is added
        late = {"name": "late", "recorded": recorded, "curriculum": {"type": "uniform"}}
        config = parse(CONFIG | {"students": [*CONFIG["students"], late]}, "test")
        runner = Runner(run, config, config.students, 0, UNFENCED)
        with (
            contextlib.nullcontext()
            if recorded == "perfect"
            else pytest.raises(DataError, match="'nobody' answered no")
        ):
            runner.prepare()
