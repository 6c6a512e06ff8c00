"""Questions that nobody labelled: the teacher, a scripted server, makes the vocabulary, labels them, and is asked three
times what the answers miss. They are recorded and all wrong; nothing is trained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from skillray.config import RunConfig, dump_config, parse
from skillray.report import profile_table
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from tests.llm_server import Answer, Server, llm_server, prompt_of

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
FAMILIES = {"adding": ("+",), "taking_away": ("-",), "multiplying": ("*",)}


def script(body: dict[str, Any], before: int) -> Answer:
    prompt = prompt_of(body)
    sign = next((sign for sign in "+-*" if f" {sign} " in prompt.partition("Question:")[2]), "")
    if "into about" in prompt:
        names = re.findall(r"^- (\w+)$", prompt, re.MULTILINE)
        families = {family: [name for name in names if name.startswith(family)] for family in FAMILIES}
        clusters = [{"name": family, "labels": members} for family, members in families.items()]
        return Answer(text=json.dumps({"clusters": clusters}))
    family = next((name for name, signs in FAMILIES.items() if sign in signs), "")
    if "Name the one skill" in prompt:
        return Answer(text=json.dumps({"skills": [f"{family} of {len(prompt) % 3} things" if family else "sharing"]}))
    if "A student answered" in prompt:  # greedily another skill than when it is sampled
        named = [family] if body["temperature"] else ["adding"]
        return Answer(text=json.dumps({"judge": "incorrect", "skills": named}))
    return Answer(text=json.dumps({"skills": [family]}))


def write_tables(folder: Path) -> None:
    def row(sign: str, n: int) -> dict[str, str]:
        return {"question": f"What is {n} {sign} 2?", "answer": "7", "question_id": f"{sign}{n}"}

    pool = [row(sign, n) for sign in "+-*" for n in range(5)] + [row("over", 1)]
    probe = [row(sign, n) for sign in "-*" for n in range(20, 30)]
    answers = [
        {"question_id": one["question_id"], "student": "them", "sample": 0, "response": "#### 1"} for one in probe
    ]
    for name, rows in (("pool", pool), ("probe", probe), ("recorded", answers)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))


def config_of(server: Server, folder: Path) -> RunConfig:
    (folder / "key").write_text("secret")
    students = [{"name": "a", "recorded": "them", "curriculum": {"type": "stat-sel", "num_examples": 9}}]
    config = {
        "name": "labelled",
        "data": {"type": "tables", "labelling": {"families": 3}}
        | {name: {"path": str(folder / f"{name}.jsonl")} for name in ("pool", "probe")},
        "students": students,
        "teacher": {"type": "openai", "model": "m", "url": server.url, "api_key_file": str(folder / "key")},
        "rollout": {"recorded": {"path": str(folder / "recorded.jsonl")}},
        "grading": {"scorer": {"type": "outcome"}},
        "diagnosis": {"votes": 3},
        "training": {"max_length": 1},  # no example fits
        "placement": {"grade": {"max_workers": 1, "num_cpus": 0.1}, "rollout": {"max_workers": 1}},
    }
    return parse(config, "test")


def supervise(config: RunConfig, path: str) -> bool:
    from skillray.on_ray.launch import supervise as run

    with writing(path) as fence:
        fence.commit(RunFolder(path).config, dump_config(config).encode())
        return run(config, fence, lambda running: None)


def test_labels_and_missing_skills_by_a_teacher(local_ray: Path, tmp_path: Path) -> None:
    write_tables(tmp_path)
    run = RunFolder(str(tmp_path / "run"))
    with llm_server(script) as server:
        config = config_of(server, tmp_path)
        assert supervise(config, run.path)
        first = len(server.calls)
        questions = {row["question"]: row["skills"] for row in run.questions("pool").read().to_pylist()}
        assert questions["What is 3 + 2?"] == ["adding"] and questions["What is 3 * 2?"] == ["multiplying"]
        assert questions["What is 1 over 2?"] == []
        assert read_json(run.graph)["skills"] == sorted(FAMILIES)
        notes = read_json(run.data_notes)
        assert any(note.endswith("the names of 6% of the pool are in none") for note in notes), notes
        assert "data.labelling: 1 of 36 questions have no skill (1 empty)" in notes
        gaps = run.round("a", 0).table("gaps").read().to_pylist()
        assert {(row["question"].split()[3], *row["missing_skills"]) for row in gaps} == {
            ("-", "taking_away"),
            ("*", "multiplying"),
        }
        assert [row["agreement"] for row in gaps] == [pytest.approx(1 / 3)] * len(gaps)
        assert re.search(r"agreement of the teacher's samples, percent +33\n", profile_table(run))

        # As if killed before the questions were done: what is in the log and in tables is not asked again.
        before = {split: run.questions(split).fingerprint() for split in ("pool", "profile", "held_out")}
        Path(run.graph).unlink()
        Path(run.vocabulary).unlink()
        Path(run.labelling.folder("pool-labelled").table("labels").manifest_path).unlink()
        for split in before:
            Path(run.questions(split).manifest_path).unlink()
        assert supervise(config, run.path)
        assert len(server.calls) == first
        assert {split: run.questions(split).fingerprint() for split in before} == before
