"""skillray from Python, without Ray: what is loaded and planned, and a run folder of a few rows as an object."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import skillray
from skillray.cli.main import main
from skillray.config import RunConfig, dump_config
from skillray.errors import ConfigError, DataError
from skillray.store.fence import UNFENCED
from skillray.store.files import commit, commit_json
from skillray.store.layout import RunFolder
from tests.unit.loop.make_tables import gap_row, graded_row, write_graded, write_pool, write_study

QUICKSTART = Path(__file__).parents[2] / "jobs" / "recipes" / "quickstart.yaml"
TINY: dict[str, Any] = {
    "name": "tiny",
    "data": {"type": "domain", "domain": "arithmetic", "pool_per_skill": 5, "held_out_per_skill": 4},
    "students": [{"name": name, "curriculum": {"type": "uniform", "num_examples": 8}} for name in ("b", "a")],
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Student b: base 1 of 4 right, round 0 set out from three gaps and came to 3 of 4; student a has not begun."""
    folder = RunFolder(str(tmp_path / "run"))
    commit(folder.config, dump_config(skillray.load(TINY)).encode())
    students = {"a": {"state": "failed", "error": "no room"}, "b": {"state": "running", "error": None}}
    commit_json(folder.status, {"run": "tiny", "state": "running", "students": students})
    write_pool(folder, "sum", "carry")
    write_graded(folder.base("b").table("scores"), [graded_row(n, correct=n < 1) for n in range(4)])
    gaps = [gap_row(1, "carry"), gap_row(2, "carry", "sum"), gap_row(3) | {"outcome": "refused"}]
    write_study(folder.round("b", 0), gaps, orders=1, examples=2)
    write_graded(folder.round("b", 0).table("scores"), [graded_row(n, correct=n < 3) for n in range(4)])
    return folder


def test_a_run_has_its_students_in_the_order_of_the_config_and_what_failed(run):
    opened = skillray.Run(run.path)
    assert list(opened.students) == ["b", "a"] and opened.config == skillray.load(TINY)
    assert (opened.state, opened.failures) == ("running", {"a": "no room"})
    assert opened.students["a"].rounds == [] and opened.students["a"].profile is None
    assert opened.summary is None and opened.evaluation is None


def test_a_round_has_its_accuracy_and_the_profile_that_it_set_out_from(run):
    student = skillray.Run(run.path).students["b"]
    (only,) = student.rounds
    assert student.before.accuracy.overall.accuracy == 1 / 4 and only.accuracy.overall.accuracy == 3 / 4
    assert student.before.profile is None and student.profile == only.profile
    assert only.profile.counts == {"carry": 2, "sum": 1} and only.profile.outcomes == {"ok": 2, "refused": 1}
    assert (only.index, only.checkpoint, student.before.checkpoint) == (0, None, None)
    commit_json(f"{run.round('b', 0).checkpoint}/manifest.json", {"files": {}})
    assert only.checkpoint == run.round("b", 0).checkpoint


def test_a_round_that_has_only_begun_has_neither(run):
    (Path(run.path) / "students" / "b" / "round-001").mkdir()
    student = skillray.Run(run.path).students["b"]
    last = student.rounds[-1]
    assert (last.index, last.accuracy, last.profile) == (1, None, None)
    assert student.profile == student.rounds[0].profile is not None


def test_every_complete_table_is_listed_and_read_as_arrow_or_pandas(run):
    parts = Path(run.round("b", 0).table("rollouts").folder) / "parts"
    parts.mkdir(parents=True)  # begun, without a manifest
    commit_json(f"{run.round('b', 0).checkpoint}/manifest.json", {"files": {}})  # no table
    opened = skillray.Run(run.path)
    of_round = ["gaps", "graded", "scores", "segment-000/examples", "segment-000/orders"]
    assert opened.students["b"].rounds[0].tables() == of_round
    assert opened.students["b"].tables() == ["base/scores", *(f"round-000/{name}" for name in of_round)]
    assert opened.tables() == ["data/pool", *(f"students/b/{name}" for name in opened.students["b"].tables())]
    for name in opened.tables():
        assert isinstance(opened.table(name), pa.Table) and opened.table(name).num_rows
    frame = opened.table("data/pool", ["skills", "answer"]).to_pandas()
    assert [*frame.columns] == ["skills", "answer"] and [*map(list, frame["skills"])] == [["sum"], ["carry"]]


def test_a_table_that_is_shared_is_read_where_it_is_linked(run):
    shared = run.shared("key").table("scores")
    write_graded(shared, [graded_row(0)])
    run.base("a").table("scores").link(shared, fence=UNFENCED)
    student = skillray.Run(run.path).students["a"]
    assert student.tables() == ["base/scores"] and student.before.accuracy.overall.accuracy == 1.0


@pytest.mark.parametrize("name", ["rollouts", "nothing", "", ".", "../round-000/gaps", "/gaps", "gaps/", "checkpoint"])
def test_what_is_no_table_is_refused(run, name):
    with pytest.raises(DataError, match=r"has no complete table .*tables\(\) lists"):
        skillray.Run(run.path).students["b"].rounds[0].table(name)


def test_a_column_that_is_not_there_is_named(run):
    with pytest.raises(DataError, match="data/pool: has no column 'skill'; there are question_id, "):
        skillray.Run(run.path).table("data/pool", ["answer", "skill"])


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="no run folder"):
        skillray.Run(tmp_path)
    with pytest.raises(DataError, match="no run folder"):
        skillray.resume(tmp_path)


def test_overrides_are_plain_values_or_texts_of_the_command():
    changes = {"seed": 9, "training.learning_rate": 1e-5, "students.0.name": "on", "placement.rollout": {"num_cpus": 2}}
    texts = ["seed=9", "training.learning_rate=1e-5", 'students.0.name="on"', "placement.rollout={num_cpus: 2}"]
    config = skillray.load(QUICKSTART, changes)
    assert config == skillray.load(str(QUICKSTART), texts) != skillray.load(QUICKSTART)
    assert (config.seed, config.training.learning_rate, config.students[0].name) == (9, 1e-5, "on")


def test_a_mapping_is_a_config_and_stays_as_it_is(tmp_path):
    config = skillray.load(TINY, {"rounds": 3, "students.0.model": tmp_path / "m"})
    assert (config.rounds, config.students[0].model) == (3, str(tmp_path / "m"))
    assert "rounds" not in TINY and skillray.load(TINY).rounds == 1


@pytest.mark.parametrize(
    ("config", "overrides", "told"),
    [
        (TINY, {"seed": float("nan")}, "seed: give text, numbers"),
        (TINY, {"seed": {1, 2}}, "seed: give text, numbers"),
        (TINY | {"seed": object()}, (), "config: give text, numbers"),
        (TINY, {"seed": "7"}, "seed"),
        (TINY, "seed=7", "overrides: give a mapping or a list"),
        (TINY, {"sead": 7}, "sead"),
        ("none.yaml", (), "config none.yaml: "),
    ],
)
def test_wrong_settings_are_one_line(config, overrides, told):
    with pytest.raises(ConfigError) as refused:
        skillray.load(config, overrides)
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_a_plan_has_its_steps_as_values_and_the_command_prints_the_same(capsys):
    planned = skillray.plan(skillray.load(QUICKSTART))
    assert {step.student for step in planned.steps} == {"(all)", "uniform", "stat-sel", "stat-syn"}
    assert planned.tokens("train") == 3 * 400_000
    main_returns(["plan", str(QUICKSTART)])
    said = capsys.readouterr().out
    assert f"about {planned.teacher_calls:,}" in said and "train: at most 1,200,000 tokens" in said


def test_what_a_plan_refuses_is_what_a_run_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = skillray.load(TINY, {"students.0.model": "./nowhere"})
    for call in (skillray.plan, skillray.run):
        with pytest.raises(DataError, match=r"students\.0\.model"):
            call(config)
    assert not list(tmp_path.iterdir())


def test_run_and_resume_start_the_same_and_give_the_folder(tmp_path, monkeypatch):
    started: list[tuple[RunConfig, Any]] = []
    monkeypatch.setattr("skillray.api._launch", lambda config, fence, show: bool(started.append((config, show))))
    monkeypatch.chdir(tmp_path)
    config, show = skillray.load(TINY), print
    assert skillray.run(config, show=show).path == str(tmp_path / "runs" / "tiny")
    with pytest.raises(DataError, match="has not begun"):
        skillray.resume("runs/tiny")
    commit_json("runs/tiny/status.json", {"state": "running", "students": {}})
    assert skillray.resume(Path("runs/tiny"), show=show).config == config
    assert started == [(config, show), (config, show)]
    with pytest.raises(ConfigError, match="seed"):
        skillray.run(skillray.load(TINY, {"seed": 8}), "runs/tiny")


def test_an_evaluation_is_a_folder_with_figures(tmp_path, monkeypatch):
    (tmp_path / "own.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    monkeypatch.setattr("skillray.api._answer", lambda config, fence, request, show: None)
    monkeypatch.chdir(tmp_path)
    evaluated = skillray.evaluate(
        "embedded", ["own=own.jsonl"], out=tmp_path / "out", overrides={"rollout.batch_size": 2}
    )
    assert evaluated.config.rollout.batch_size == 2 and list(evaluated.students) == ["model"]
    assert evaluated.evaluation["sets"] == ["own"] and evaluated.evaluation["models"]["model"]["sets"] == {}
    assert (evaluated.state, evaluated.failures, evaluated.tables()) == (None, {}, [])
    with pytest.raises(ConfigError, match="lists of names"):
        skillray.evaluate("embedded", "own", out="out")


def test_importing_it_takes_nothing_with_it_and_reading_takes_no_ray():
    script = (
        "import sys, skillray; before = {'pyarrow', 'pydantic', 'torch', 'ray'} & set(sys.modules);"
        f"skillray.plan(skillray.load({str(QUICKSTART)!r})); skillray.Run;"
        "print(sorted(before), 'ray' in sys.modules, hasattr(skillray, 'nothing'), 'Run' in dir(skillray))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.stdout == "[] False False True\n", done.stderr


def main_returns(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code in (0, None)
