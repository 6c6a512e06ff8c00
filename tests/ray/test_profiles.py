"""A later stage that looks at another profile, on real Ray: as STAT's ConSel, scored on the same held-out questions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.store.fence import UNFENCED
from skillray.store.layout import RunFolder

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def write_rows(path: Path, split: str, per_skill: int, seed: int) -> dict[str, str]:
    made = DOMAINS["arithmetic"].questions(split, per_skill, seed=seed)
    rows = [
        {name: getattr(one, name) for name in ("question", "answer", "solution", "level")} | {"skills": [*one.skills]}
        for one in made
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"path": str(path)}


def test_evidence_comes_from_the_stages_profile_and_scores_from_the_probe(local_ray, tmp_path) -> None:
    from skillray.on_ray.verbs import Runner
    from skillray.training.checkpoint import resolve_model

    stage: dict[str, Any] = {"curriculum": {"type": "stat-sel", "num_examples": 20}}
    data = {
        "type": "tables",
        "pool": write_rows(tmp_path / "pool.jsonl", "pool", 2, 3),
        "probe": write_rows(tmp_path / "probe.jsonl", "held_out", 2, 3),
        "profiles": [{"name": "later"} | write_rows(tmp_path / "later.jsonl", "profile", 1, 3)],
    }
    config = parse(
        {
            "name": "profiles",
            "data": data,
            "students": [{"name": "con", "stages": [stage, stage | {"profile": "later"}]}],
            "rollout": {"max_new_tokens": 48},
            "grading": {"scorer": {"type": "outcome"}},
            "diagnosis": {"source": "labels"},
            "training": {"max_length": 256},
            "placement": {"grade": {"max_workers": 1, "num_cpus": 0.1}, "rollout": {"max_workers": 1}},
        },
        "test",
    )
    run = RunFolder(str(tmp_path / "run"))
    Runner(run, config, config.students, round=0, fence=UNFENCED).prepare()
    shutil.copytree(resolve_model("embedded"), run.round("con", 0).checkpoint)  # as if it had been trained
    second = Runner(run, config, config.students, round=1, fence=UNFENCED)
    second.answer()
    second.diagnose()
    asked = {row["question_id"] for row in run.round("con", 1).table("graded").read().to_pylist()}
    later = set(run.questions("profile-later").read(["question_id"])["question_id"].to_pylist())
    assert asked == later and len(later) == 18
    assert {row["question_id"] for row in run.round("con", 1).table("gaps").read().to_pylist()} < later
    scored = {row["question_id"] for row in run.round("con", 0).table("scores").read().to_pylist()}
    assert scored == set(run.questions("held_out").read(["question_id"])["question_id"].to_pylist())
