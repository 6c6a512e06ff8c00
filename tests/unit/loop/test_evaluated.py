"""What was gained and lost, and the gate, on tables of a few rows; by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skillray.cli.gate import gate
from skillray.config import RunConfig, dump_config, parse
from skillray.errors import ConfigError
from skillray.loop.summary import summarise
from skillray.report import tables, write_report
from skillray.store.fence import UNFENCED
from skillray.store.files import commit, commit_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.records import Summary
from skillray.store.schemas import ANSWERS
from skillray.types import content_id
from tests.unit.loop.make_tables import graded_row, write_graded

QUESTIONS, HARD = 40, 20
"""The last ones are difficult, and wrong before training."""
SET = 30


def config() -> RunConfig:
    raw: dict[str, Any] = {
        "name": "r",
        "students": [{"name": name, "curriculum": {"type": "uniform"}} for name in ("arm", "control")],
        "evaluation": {
            "sets": [{"name": "x", "path": "x.jsonl"}],
            "contrasts": [{"arm": "arm", "control": "control"}],
        },
    }
    return parse(raw, "c")


def write_scores(folder: RoundFolder, right: int, of_set: int) -> None:
    """The first `right` held-out questions, and the first `of_set` of the set, are answered right."""
    rows = [
        graded_row(
            n, correct=n < right, difficult=n >= HARD, skills=["sum"] if n % 2 else ["sum", "carry"], subject="s"
        )
        for n in range(QUESTIONS)
    ]
    write_graded(folder.table("scores"), rows)
    plain = {"question": "?", "answer": "1", "solution": "", "skills": [], "split": "x", "sample": 0, "response": "1"}
    plain |= {"num_tokens": 1, "finished": True, "verdict": "correct", "vote": None}
    answers = [plain | {"question_id": content_id("x", n), "correct": n < of_set} for n in range(SET)]
    folder.answers("x").write(pa.Table.from_pylist(answers, schema=ANSWERS), fence=UNFENCED)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr("skillray.loop.summary.study_of", lambda folder: {})
    found = RunFolder(str(tmp_path))
    commit(found.config, dump_config(config()).encode())
    commit_json(found.status, {"run": "r", "state": "done", "seconds": {}, "students": {}})
    for name, right, of_set in (("arm", 36, 15), ("control", 26, 15)):
        write_scores(found.base(name), HARD, 15)
        write_scores(found.round(name, 0), right, of_set)
    return found


def test_summary_by_hand(run: RunFolder) -> None:
    found = summarise(run, config()).model_dump(mode="json")
    base, last = found["students"]["arm"]["rounds"]
    assert (base["accuracy"]["mean"], base["on_difficult"]["mean"], base["on_rest"]["mean"]) == (0.5, 0.0, 1.0)
    assert (last["accuracy"]["mean"], last["on_difficult"]["mean"], last["on_rest"]["mean"]) == (0.9, 0.8, 1.0)
    assert last["sets"]["x"]["mean"] == 0.5 and last["mean"] == pytest.approx((0.9 + 0.8 + 0.5) / 3)
    # carry: the even ones; 18 of the first 36.
    assert last["by_skill"]["carry"]["mean"] == 18 / 20 and last["by_skill"]["sum"]["n"] == QUESTIONS
    assert last["by_subject"]["s"]["difficult"]["mean"] == 0.5
    change = found["students"]["arm"]["change"]
    assert (change["held_out"]["wins"], change["held_out"]["losses"], change["rest"]["difference"]) == (16, 0, 0.0)
    contrasts = {one["on"]: one for one in found["contrasts"]}
    assert list(contrasts) == ["held_out", "difficult", "rest", "x"]
    assert contrasts["held_out"]["comparison"]["difference"] == pytest.approx(0.25)
    assert contrasts["held_out"]["verdict"] == "arm is ahead" and contrasts["x"]["verdict"] == "no clear difference"
    [pair] = found["comparisons"]
    assert pair["on_difficult"]["difference"] == pytest.approx(-0.5) and pair["on_rest"]["difference"] == 0.0


def test_nothing_that_was_measured_is_left_out_of_the_record(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[dict[str, Any]] = []
    validate = Summary.model_validate
    monkeypatch.setattr(Summary, "model_validate", lambda value: (measured.append(value), validate(value))[1])
    written = summarise(run, config()).model_dump(mode="json")
    assert set(dict(paths(json.loads(json.dumps(measured[0]))))) <= set(dict(paths(written)))


def paths(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) for everything below `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield f"{prefix}/{key}", below
        yield from paths(below, f"{prefix}/{key}")


def test_terminal_and_page_say_it(run: RunFolder) -> None:
    commit_json(run.summary, summarise(run, config()).model_dump(mode="json"))
    text = tables(run)
    assert "16 / 0" in text and "0.0 → 80.0" in text and "x avg@1 (30)" in text and "arm is ahead" in text
    assert "only arm against arm means anything" in text and "By subject" in text
    page = Path(write_report(run)).read_text()
    assert "Gained and lost" in page and "Evaluation sets" in page and "arm is ahead" in page and "p by Holm" in page


def test_the_gate_opens_for_the_arm_and_closes_when_a_set_is_lost(
    run: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert gate(run, "arm", 0.02) == 0 and "gate open" in capsys.readouterr().out
    lost = RunFolder(str(tmp_path / "lost"))
    commit(lost.config, dump_config(config()).encode())
    write_scores(lost.base("arm"), HARD, 28)
    write_scores(lost.round("arm", 0), 36, 5)
    assert gate(lost, "arm", 0.02) == 2
    assert "gate closed: worse: x" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="--student: say which one; there are arm, control"):
        gate(run, None, 0.02)
    with pytest.raises(ConfigError, match="--margin"):
        gate(run, "arm", 2.0)
