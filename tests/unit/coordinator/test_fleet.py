"""The order of the verbs, and a student that fails alone. The backend is a list of what was asked of it."""

from __future__ import annotations

import asyncio

import pytest

from skillray.config import parse
from skillray.coordinator.fleet import StatusFile, one_line, run_fleet, within
from skillray.curriculum import Uniform
from skillray.errors import DataError, DeadlineError, TableError, UnbelievableTeacherError
from skillray.loop.rounds import Stop, run_student
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.records import Running, Status, read_record

CONFIG = parse({"name": "r", "students": [{"name": n, "curriculum": {"type": "stat-sel"}} for n in "abc"]}, "c")


class Recorder:
    """A backend that writes down what it is asked for, and breaks or ends where it is told."""

    def __init__(
        self, breaks: str = "", nothing_to_learn: str = "", nothing_left: str = "", error: Exception | None = None
    ) -> None:
        self.asked: list[str] = []
        self.error = error or DataError("row 3 is empty")
        self.breaks = breaks
        self.stops = {nothing_to_learn: Stop.NOTHING_TO_LEARN, nothing_left: Stop.NOTHING_LEFT}

    def __getattr__(self, verb: str):
        async def do(student, round_index):
            self.asked.append(f"{student.name} {verb} {round_index}")
            await asyncio.sleep(0)
            if f"{student.name} {verb}" == self.breaks:
                raise self.error
            if verb == "study":
                return self.stops.get(student.name)

        return do


def test_a_student_goes_round():
    on = Recorder()
    stop = asyncio.run(run_student(CONFIG.students[0], 2, on))
    assert stop is Stop.ROUNDS_DONE
    asked = [line.removeprefix("a ") for line in on.asked]
    assert [line for line in asked if "evaluate" not in line] == [
        "answer 0", "diagnose 0",
        "study 0", "fine_tune 0", "answer 1", "diagnose 1",
        "study 1", "fine_tune 1", "answer 2", "diagnose 2",
    ]  # fmt: skip
    assert [line for line in asked if "evaluate" in line] == ["evaluate 0", "evaluate 2"]  # before, and the last


def test_a_student_whose_method_looks_at_no_gaps_does_not_wait_for_its_scores():
    on = Recorder()
    uniform = CONFIG.students[0].model_copy(update={"curriculum": Uniform()})
    assert asyncio.run(run_student(uniform, 1, on)) is Stop.ROUNDS_DONE
    order = {line.removeprefix("a "): place for place, line in enumerate(on.asked)}
    assert order["study 0"] < order["diagnose 0"]
    assert len(order) == 8  # and is scored all the same


def test_a_perfect_student_is_not_trained():
    on = Recorder(nothing_to_learn="a")
    assert asyncio.run(run_student(CONFIG.students[0], 2, on)) is Stop.NOTHING_TO_LEARN
    assert "a fine_tune 0" not in on.asked
    assert [line for line in on.asked if "evaluate" in line] == ["a evaluate 0"]


def test_filters_that_remove_everything_stop_the_student_and_not_the_run(tmp_path):
    on, status = (
        Recorder(nothing_left="a", nothing_to_learn="b"),
        StatusFile(str(tmp_path / "status.json"), "r", UNFENCED),
    )
    assert asyncio.run(run_fleet(CONFIG.students, 1, on, status, one_line))
    students = read_json(status.path)["students"]
    reasons = {name: (entry["state"], entry["stop_reason"]) for name, entry in students.items()}
    assert reasons == {
        "a": ("done", "nothing_left"),
        "b": ("done", "nothing_to_learn"),
        "c": ("done", "rounds_done"),
    }
    assert "a fine_tune 0" not in on.asked and "c answer 1" in on.asked


def test_a_student_fails_alone(tmp_path):
    on, status = Recorder(breaks="b fine_tune"), StatusFile(str(tmp_path / "status.json"), "r", UNFENCED)
    assert not asyncio.run(run_fleet(CONFIG.students, 1, on, status, one_line))
    students = read_json(status.path)["students"]
    assert {name: entry["state"] for name, entry in students.items()} == {"a": "done", "b": "failed", "c": "done"}
    assert students["b"]["error"] == "row 3 is empty"
    assert students["a"]["stop_reason"] == "rounds_done"


def test_status_survives_its_writer(tmp_path):
    path = str(tmp_path / "status.json")
    first = StatusFile(path, "r", UNFENCED)
    first.add_seconds("a/round-000/answer", 2.0)
    second = StatusFile(path, "r", UNFENCED)
    second.add_seconds("a/round-000/answer", 1.5)
    assert read_json(path)["seconds"] == {"a/round-000/answer": 3.5}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("x.parquet: no such file"), "x.parquet: no such file"),
        (KeyError("k"), "KeyError: 'k'"),
        (OSError(), "OSError: no message"),
    ],
)
def test_errors_are_one_line(error, line):
    assert one_line(error) == line


def test_a_deadline_that_was_missed_inside_keeps_its_own_words():
    async def done() -> str:
        return "yes"

    async def late() -> str:
        raise DeadlineError("segment 0 was not learnt in 5 s")

    assert asyncio.run(within(5.0, done(), "too long")) == "yes"
    with pytest.raises(DeadlineError, match=r"^segment 0 was not learnt in 5 s$"):
        asyncio.run(within(5.0, late(), "too long"))
    with pytest.raises(DeadlineError, match=r"^too long$"):
        asyncio.run(within(0.01, asyncio.sleep(5.0), "too long"))


def test_a_teacher_that_is_not_believed_ends_the_run_and_the_other_students(tmp_path):
    on = Recorder(breaks="b diagnose", error=UnbelievableTeacherError("it judges 0 of 20 wrong"))
    status = StatusFile(str(tmp_path / "status.json"), "r", UNFENCED)
    with pytest.raises(UnbelievableTeacherError, match="it judges 0 of 20 wrong"):
        asyncio.run(run_fleet(CONFIG.students, 50, on, status, one_line))
    assert "it judges 0 of 20 wrong" in read_json(status.path)["students"]["b"]["error"]
    assert "a answer 49" not in on.asked  # of fifty rounds


def test_a_later_driver_reads_what_an_earlier_one_wrote_and_the_report_reads_the_same(tmp_path):
    path = str(tmp_path / "status.json")
    first = StatusFile(path, "r", UNFENCED)
    first.student("a", state="failed", error="no space", warnings=("flat profile",))
    first.note(state="failed", error="gone", running=(Running(place="a/x", seconds=1.0, done=1, total=2, unit="rows"),))
    second = StatusFile(path, "r", UNFENCED)
    second.save()
    status = read_record(path, Status)
    assert status.students["a"].warnings == ("flat profile",) and status.students["a"].error == "no space"
    assert (status.state, status.error, status.running) == ("running", None, ())
    assert status.started_at == first.record.started_at != ""


def test_a_status_of_another_version_is_refused_with_its_field(tmp_path):
    (tmp_path / "status.json").write_text('{"students": {"a": {"round": "first"}}}')
    with pytest.raises(TableError, match=r"status.json: students.a.round: .*not written by this version"):
        StatusFile(str(tmp_path / "status.json"), "r", UNFENCED)
