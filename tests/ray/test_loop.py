"""The whole loop on real Ray, Serve, Data, Train and DeepSpeed, on the embedded student: small, and all of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from skillray.cli.main import main
from skillray.config import dump_config, parse
from skillray.store import tables
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

TOKENS = 20_000
"""Of the undisturbed run: enough to kill a training in its middle."""
SMALL = {
    "data": {"type": "domain", "pool_per_skill": 12, "profile_per_skill": 4, "held_out_per_skill": 2},
    "rollout": {"max_new_tokens": 48, "batch_size": 72},
    "training": {
        "max_tokens": 2000,
        "batch_size": 16,
        "micro_batch_size": 16,
        "learning_rate": 1e-4,
        "dtype": "fp32",
        "zero_stage": 1,
        "max_length": 256,
    },
    "placement": {
        "rollout": {"max_workers": 1},
        "grade": {"max_workers": 1, "num_cpus": 0.1},
        "train": {"max_workers": 1},  # all students in one worker group; others of these tests have two
    },
}


def supervise(config, path: str) -> bool:
    from skillray.on_ray.launch import supervise as run

    with writing(path) as fence:
        fence.commit(RunFolder(path).config, dump_config(config).encode())
        return run(config, fence, lambda running: None)


@pytest.fixture(scope="module")
def run(world) -> RunFolder:
    """Two students and one round, by `skillray run`: the run that nobody disturbs, which other tests compare with."""
    return world.reference().run


def test_students_of_one_start_share_round_0(run):
    bases = [run.base(name).table("scores") for name in ("uniform", "stat-syn")]
    assert bases[0].source() == bases[1].source()
    assert bases[0].num_rows() == 36


def test_training_followed_the_schedule(run):
    for name in ("uniform", "stat-syn"):
        segment = run.round(name, 0).segment()
        schedule, learning = segment.table("schedule").read(), segment.table("learning").read()
        planned = {(row["step"], row["slot"], row["example_id"]) for row in schedule.to_pylist()}
        trained = {(row["step"], row["slot"], row["example_id"]) for row in learning.to_pylist()}
        assert trained == planned
        assert TOKENS <= sum(schedule["num_tokens"].to_pylist()) < TOKENS + 16 * 256
        assert all(0 < loss < 20 for loss in learning["loss"].to_pylist())


def test_no_stage_trains_on_what_it_is_measured_on(run):
    held_out = {
        question_id
        for split in ("profile", "held_out")
        for question_id in run.questions(split).read(["question_id"])["question_id"].to_pylist()
    }
    for name in ("uniform", "stat-syn"):
        examples = run.round(name, 0).segment().table("examples").read(["question_id"])
        assert not held_out & set(examples["question_id"].to_pylist())


def test_new_questions_are_for_missing_skills(run):
    gaps = run.round("stat-syn", 0).table("gaps").read(["missing_skills"])["missing_skills"].to_pylist()
    missing = {skill for skills in gaps for skill in skills}
    rows = run.round("stat-syn", 0).segment().table("examples").read(["origin", "skills", "parents"]).to_pylist()
    written = [row for row in rows if row["origin"] == "synthesize"]
    assert written and all(row["skills"][0] in missing and len(row["parents"]) == 3 for row in written)


def test_the_checkpoint_is_another_model_of_the_same_shape(run):
    from skillray.training.checkpoint import load_model, resolve_model, verify_checkpoint

    folder = run.round("uniform", 0).checkpoint
    verify_checkpoint(folder)
    before, after = load_model(resolve_model("embedded")).state_dict(), load_model(folder).state_dict()
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)


def test_summary_and_report_say_what_came_out(run):
    rounds = read_json(run.summary)["students"]["stat-syn"]["rounds"]
    assert [entry["round"] for entry in rounds] == [-1, 0]
    assert all(entry["profile"]["questions"] == 72 for entry in rounds)
    page = open(run.report).read()
    assert "stat-syn" in page and "http://" not in page.replace("http://www.w3.org", "")


@pytest.fixture(scope="module")
def grown(run, tmp_path_factory) -> RunFolder:
    """A copy, which goes on with one student less, another round, and two students more: one's study fails."""
    from tests.faults.world import CONFIG, STUDENTS

    copy = RunFolder(str(tmp_path_factory.mktemp("grown") / "run"))
    shutil.copytree(run.path, copy.path)
    own = {"source": "student", "samples": 2, "otherwise": "human"}
    late = {"name": "late", "curriculum": {"type": "hard", "num_examples": 60, "min_level": 2, "answers": own}}
    # The teacher knows no question of level 9.
    broken = {"name": "broken", "curriculum": {"type": "hard", "num_examples": 10, "min_level": 9}}
    config = CONFIG | {"name": "undisturbed", "rounds": 2, "students": [STUDENTS[0], late, broken]}
    config["training"] = CONFIG["training"] | {"checkpoint_every_s": 600.0}
    with pytest.MonkeyPatch.context() as driver:
        driver.setattr(tables, "read_part", None)  # no row of a table ever comes to the driver
        assert not supervise(parse(config, "test"), copy.path)
    return copy


def test_a_round_and_a_student_are_added(run, grown):
    kept, now = made(run), made(grown)
    assert {name: now[name] for name in kept} == kept  # nothing was made again
    for name in ("stat-syn", "late"):
        assert grown.round(name, 1).table("scores").complete()
        manifest = read_json(os.path.join(grown.round(name, 1).checkpoint, "manifest.json"))
        assert manifest["files"]
    assert grown.base("late").table("scores").source() == grown.base("stat-syn").table("scores").source()


def test_a_student_studies_its_own_right_answers(grown):
    for index in range(2):  # each round's are those of the checkpoint that it starts from
        targets = grown.round("late", index).segment().targets
        said = {(row["question_id"], row["response"]) for row in targets.table("rollouts").read().to_pylist()}
        answers = targets.table("usable").read().to_pylist()
        own = {(row["question_id"], text) for row in answers for text in row["responses"]}
        assert own and own <= said
        examples = grown.round("late", index).segment().table("examples").read().to_pylist()
        studied = {(row["question_id"], row["response"]) for row in examples}
        without = {row["question_id"] for row in answers if not row["responses"]}
        assert {pair for pair in studied if pair[0] not in without} <= own
    starts = [grown.round("late", index).segment().shared_targets.path for index in range(2)]
    assert starts[0] != starts[1]


def test_students_end_alone(grown):
    students = read_json(grown.status)["students"]
    assert {name: entry["state"] for name, entry in students.items()} == {
        "uniform": "done",  # as it was
        "stat-syn": "done",
        "late": "done",
        "broken": "failed",
    }
    assert "min_level" in students["broken"]["error"] and "\n" not in students["broken"]["error"]
    assert os.path.exists(grown.file("logs", "undisturbed-broken-round-000-study-1.txt"))
    assert "broken" in open(grown.report).read()


def test_nothing_is_left_behind(grown):
    import ray
    from ray import serve

    assert not serve.status().applications
    assert {group["state"] for group in ray.util.placement_group_table().values()} <= {"REMOVED"}
    actors = ray.util.list_named_actors(all_namespaces=True)
    assert [actor for actor in actors if actor["namespace"].startswith("undisturbed")] == []
    assert not os.path.exists(grown.file("lock.json"))
    leftovers = [name for _, _, names in os.walk(grown.path) for name in names if name.endswith(".tmp")]
    assert leftovers == []


def made(run: RunFolder) -> dict[str, tuple[int, int]]:
    """(size, time of change) of every part, reply, manifest and file of weights."""
    paths = [path for path in Path(run.path).rglob("*") if path.suffix in (".parquet", ".safetensors")]
    paths += Path(run.path).rglob("manifest.json")
    found = {str(path.relative_to(run.path)): path.stat() for path in paths}
    return {place: (stat.st_size, stat.st_mtime_ns) for place, stat in found.items()}


def test_commands_on_a_finished_run(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "nothing to do" in cli(capsys, "run", run.config, "--run-dir", run.path)[1]
    code, _, changed = cli(capsys, "run", run.config, "--run-dir", run.path, "--set", "seed=5")
    assert code == 2 and "seed was 0, now 5" in changed and changed.count("\n") == 1
    assert "stat-syn" in cli(capsys, "report", run.path)[1]
    assert '"difficult"' in cli(capsys, "profile", run.path, "--json")[1]
    assert not (tmp_path / ".ray").exists()  # nothing written to the user's home


def cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str, str]:
    """Exit code, standard output and standard error of a command, in this process."""
    with pytest.raises(SystemExit) as stopped:
        main(words)
    return stopped.value.code, *capsys.readouterr()
