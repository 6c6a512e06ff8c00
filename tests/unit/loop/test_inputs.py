"""Files and models are part of a run by what is in them: the same command again refuses others in their place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from skillray.cli.main import main
from skillray.config import dump_config, load_config
from skillray.errors import DataError
from skillray.loop.inputs import model_content, note_inputs, refuse_changed_inputs
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import graph_json
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from tests.unit.bad_input.kinds import ANSWERS, POOL, PROBE, RECORDED, answer, question, write_adapter, write_rows
from tests.unit.bad_input.kinds import write_model as write_folder

LABELS = [{"question": "1 + 1?", "skills": ["sum"]}]
CONFIG: dict[str, Any] = RECORDED | {
    "data": RECORDED["data"] | {"labels": {"path": "labels.jsonl"}},
    "graph": {"type": "syllabus", "path": "syllabus.md"},
    "students": [RECORDED["students"][0] | {"model": "m"}, RECORDED["students"][0] | {"name": "b", "model": "adapter"}],
    "teacher": {"type": "openai", "model": "m", "prompts": "prompts"},
}


@pytest.fixture
def run(tmp_path, monkeypatch) -> RunFolder:
    """Of a run that has begun: its files are noted, its questions made."""

    def started(*_: object) -> bool:
        raise InterruptedError

    monkeypatch.setattr("skillray.api._launch", started)
    monkeypatch.chdir(tmp_path)
    for name, rows in (("pool", POOL), ("probe", PROBE), ("recorded", ANSWERS), ("labels", LABELS)):
        write_rows(tmp_path / f"{name}.jsonl", rows)
    write_folder(tmp_path / "m")
    write_adapter(tmp_path / "adapter", base=str(tmp_path / "base"))
    (tmp_path / "syllabus.md").write_text("- sum\n")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "solve.j2").write_text("{{ question }}")
    (tmp_path / "c.yaml").write_text(json.dumps(CONFIG))
    run, config = RunFolder(str(tmp_path / "run")), load_config("c.yaml")
    note_inputs(run, config, UNFENCED)
    UNFENCED.commit(run.config, dump_config(config).encode())
    UNFENCED.commit_json(run.graph, graph_json(SkillGraph.flat(["sum"])))
    return run


def again(capsys: pytest.CaptureFixture[str]) -> str:
    """What the same command says now; empty where it would go on."""
    with pytest.raises((SystemExit, InterruptedError)) as ended:
        main(["run", "c.yaml", "--run-dir", "run"])
    err = capsys.readouterr().err
    assert (ended.type, err) == (InterruptedError, "") or ended.value.code == 2, err
    return err


def other_weights(path: str) -> None:
    save_file({"weight": np.ones((4, 4), np.float32)}, path)


CHANGED = {
    "data.pool": lambda: write_rows(Path("pool.jsonl"), [*POOL, question(99)]),
    "data.probe": lambda: write_rows(Path("probe.jsonl"), PROBE[:-1]),
    "data.labels": lambda: write_rows(Path("labels.jsonl"), [LABELS[0] | {"skills": ["other"]}]),
    "graph.path": lambda: Path("syllabus.md").write_text("- sum\n- other\n"),
    "rollout.recorded": lambda: write_rows(Path("recorded.jsonl"), [answer(n, response="x") for n in range(100, 140)]),
    "students.a.model": lambda: other_weights("m/model.safetensors"),
    "students.a.model tokenizer": lambda: Path("m/tokenizer.json").write_text('{"other": 1}'),
    "students.a.model template": lambda: Path("m/chat_template.jinja").write_text("{{ messages }}"),
    "students.a.model settings": lambda: Path("m/generation_config.json").write_text("{}"),
    "students.b.model": lambda: other_weights("adapter/adapter_model.safetensors"),
    "teacher.prompts": lambda: Path("prompts/solve.j2").write_text("Solve: {{ question }}"),
    "teacher.prompts one more": lambda: Path("prompts/rewrite.j2").write_text("{{ question }}"),
    "students.b.model base": lambda: other_weights("base/model.safetensors"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_other_content_is_one_line(run, capsys, what) -> None:
    assert again(capsys) == ""
    CHANGED[what]()
    err = again(capsys)
    assert err.count("\n") == 1 and f"skillray: {what.split()[0]}: the content of {os.getcwd()}/" in err
    assert f"is not what it was when {run.path} was started; restore it, or use a new --run-dir" in err


def test_the_run_looks_at_models_again(run) -> None:
    """They may be where the driver does not see them."""
    CHANGED["students.b.model base"]()
    with pytest.raises(DataError, match=r"^students\.b\.model: the content of"):
        note_inputs(run, load_config("c.yaml"), UNFENCED)


def test_a_run_that_is_complete_refuses_other_content_too(run, capsys) -> None:
    UNFENCED.commit_json(run.status, {"state": "done", "students": {}})
    UNFENCED.commit_json(run.summary, {})
    UNFENCED.commit(run.report, b"")
    CHANGED["data.pool"]()
    assert "data.pool: the content of" in again(capsys)


def test_files_that_are_only_newer_or_gone_are_not_missed(run, capsys, tmp_path) -> None:
    for path in (*tmp_path.glob("*.jsonl"), *tmp_path.glob("m/*"), *tmp_path.glob("prompts/*")):
        os.utime(path, (1, 1))
    assert again(capsys) == ""
    for path in (*tmp_path.glob("*.jsonl"), tmp_path / "syllabus.md"):
        path.unlink()  # their rows stand in the run folder
    assert again(capsys) == ""


def test_unless_the_questions_are_not_made_yet(run) -> None:
    os.unlink(run.graph)
    CHANGED["data.pool"]()
    with pytest.raises(DataError, match=r"^data\.pool: the content of"):  # some splits may be of the old file
        note_inputs(run, load_config("c.yaml"), UNFENCED)
    os.unlink("pool.jsonl")
    with pytest.raises(DataError, match=r"pool\.jsonl: no such file"):
        note_inputs(run, load_config("c.yaml"), UNFENCED)


def test_an_added_student_brings_its_model(run) -> None:
    before = read_json(run.inputs)
    added = CONFIG["students"][0] | {"name": "c", "model": "embedded"}
    Path("c.yaml").write_text(json.dumps(CONFIG | {"students": [*CONFIG["students"], added]}))
    config = load_config("c.yaml")
    refuse_changed_inputs(run, config)
    note_inputs(run, config, UNFENCED)
    after = read_json(run.inputs)
    assert after.items() > before.items() and set(after) - set(before) == {"students.c.model"}
    assert len({model_content(run, name) for name in "abc"}) == 3


def test_what_did_not_change_is_not_read_again(run, monkeypatch) -> None:
    for name in ("model_hash", "sha256_of"):
        monkeypatch.setattr(f"skillray.loop.inputs.{name}", None)
    refuse_changed_inputs(run, load_config("c.yaml"))
    note_inputs(run, load_config("c.yaml"), UNFENCED)
