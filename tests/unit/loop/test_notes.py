"""What stands at the head of the report, by config."""

from __future__ import annotations

from skillray.config import parse
from skillray.loop.notes import notes_of

RUN = {"name": "r", "students": [{"name": "a", "curriculum": {"type": "uniform"}}]}


def notes(**more) -> list[str]:
    return notes_of(parse(RUN | more, "c"))


def test_an_outcome_only_scorer_says_so():
    (note,) = notes(grading={"scorer": {"type": "outcome"}})
    assert "uses the ground truth" in note and "not STAT's process reward model" in note
    assert notes() == [] and "last step" in notes(grading={"scorer": {"type": "annotations"}})[0]


def test_recorded_answers_are_of_another_model():
    student = RUN["students"][0] | {"recorded": "big"}
    data = {"type": "tables", "pool": {"path": "p.parquet"}, "probe": {"path": "q.parquet"}}
    more = {"grading": {"scorer": {"type": "outcome"}}, "diagnosis": {"source": "labels"}}
    note, _ = notes(students=[student], rollout={"recorded": {"path": "r.parquet"}}, data=data, **more)
    assert "answers recorded from big were diagnosed, and embedded was" in note
