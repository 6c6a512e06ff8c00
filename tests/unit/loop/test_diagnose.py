"""What the teacher is asked about a difficult question, and what becomes of its reply."""

from __future__ import annotations

import pyarrow as pa
import pytest

from skillray.errors import StageError
from skillray.loop.diagnose import Diagnose, label_failure_rates
from skillray.skills.graph import SkillGraph
from skillray.store.fence import UNFENCED
from skillray.store.schemas import GRADED
from skillray.store.tables import Table
from skillray.teacher.tasks import Outcome, Reply, Task
from skillray.types import content_id

EMPTY = Reply(outcome=Outcome.EMPTY)
NAMES = ["algebra/equations", "numbers/equations", "numbers/primes"]
GRAPH = SkillGraph.flat(NAMES, {name: name.split("/")[0] for name in NAMES})


def graded(*subjects: str) -> pa.Table:
    fixed = {
        "answer": "1", "solution": "", "level": 1, "split": "profile", "sample": 0, "response": "2", "num_tokens": 1,
        "finished": True, "correct": False, "verdict": "wrong", "step_texts": ["2"], "step_scores": [0.0],
        "step_skills": [None], "judged": True, "difficult": True,
    }  # fmt: skip
    rows = [
        fixed | {"question_id": content_id(s), "question": s, "subject": s, "skills": [f"{s}/equations"]}
        for s in subjects
    ]
    return pa.Table.from_pylist(rows, schema=GRADED)


def diagnose(reply: Reply, *subjects: str) -> tuple[list[tuple[str, tuple[str, ...]]], list[dict]]:
    """((subject, allowed skills) of every request, the gaps)."""
    seen = []

    def ask(task, requests):
        assert task is Task.NAME_MISSING_SKILLS
        seen.extend((request.question.subject, request.allowed) for request in requests)
        return [reply for _ in requests]

    stage = Diagnose(frozenset(map(content_id, subjects)), GRAPH, lambda: ask)
    return seen, stage.open()(graded(*subjects)).to_pylist()


def test_a_question_is_asked_about_with_the_list_of_its_subject():
    seen, gaps = diagnose(Reply(outcome=Outcome.OK, value=["numbers/primes"]), "algebra", "numbers")
    assert seen == [("algebra", ("algebra/equations",)), ("numbers", ("numbers/equations", "numbers/primes"))]
    assert [gap["missing_skills"] for gap in gaps] == [["numbers/primes"]] * 2


def test_most_of_several_samples_decide():
    said = [["algebra/equations"], [], ["algebra/equations", "algebra/roots"]]
    asked = []

    def ask(task, requests):
        asked.extend((request.question.subject, request.sample) for request in requests)
        return [Reply(outcome=Outcome.OK, value=said[r.sample]) if said[r.sample] else EMPTY for r in requests]

    stage = Diagnose(frozenset(map(content_id, ("algebra", "numbers"))), GRAPH, lambda: ask, votes=3)
    gaps = stage.open()(graded("algebra", "numbers")).to_pylist()
    assert asked == [(subject, sample) for subject in ("algebra", "numbers") for sample in range(3)]
    assert [gap["missing_skills"] for gap in gaps] == [["algebra/equations"]] * 2
    assert [gap["agreement"] for gap in gaps] == [pytest.approx((0 + 1 / 2 + 0) / 3)] * 2


def test_labels_stand_in_for_a_teacher():
    stage = Diagnose(frozenset({content_id("numbers")}), GRAPH, None)
    (gap,) = stage.open()(graded("algebra", "numbers")).to_pylist()  # algebra is not among the chosen
    assert (gap["question"], gap["missing_skills"]) == ("numbers", ["numbers/equations"])


def test_labels_to_blame_are_those_that_fail_elsewhere(tmp_path):
    """`times` is done 9 times of 10 by itself; of the question that needs both, `order` is to blame."""
    [row] = graded("algebra").to_pylist()
    rows = [
        row | {"question_id": content_id(n), "skills": ["times", "order"][: 1 if n else 2], "difficult": n < 2}
        for n in range(11)
    ]
    rows.append(rows[0] | {"judged": False, "difficult": False})  # another sample of it says nothing
    table = Table(str(tmp_path / "graded"))
    table.write(pa.Table.from_pylist(rows, schema=GRADED), fence=UNFENCED)
    rates = label_failure_rates(table)
    assert rates == pytest.approx({"order": 1.0, "times": 0.1}, abs=0.02)
    stage = Diagnose(frozenset({content_id(0), content_id(1)}), GRAPH, None, rates=rates)
    gaps = stage.open()(table.read()).to_pylist()
    assert [gap["missing_skills"] for gap in gaps] == [["order"], ["times"]]


def test_a_reply_that_never_came_is_no_gap_and_is_counted():
    _, [gap] = diagnose(Reply(outcome=Outcome.FAILED), "algebra")
    assert (gap["missing_skills"], gap["outcome"]) == ([], "failed")
    with pytest.raises(StageError, match="could not name missing skills"):
        diagnose(Reply(outcome=Outcome.UNSUPPORTED), "algebra")


@pytest.mark.parametrize(
    ("judged_correct", "outcome", "missing"),
    [("no_gap", "judged_correct", []), ("named_skills", "ok", ["algebra/equations"])],
)
def test_what_an_answer_judged_correct_misses_is_a_field(judged_correct: str, outcome: str, missing: list[str]) -> None:
    said = Reply(outcome=Outcome.JUDGED_CORRECT, value=["algebra/equations"])
    stage = Diagnose(
        frozenset([content_id("algebra")]), GRAPH, lambda: lambda *_: [said], 1, judged_correct=judged_correct
    )
    [gap] = stage.open()(graded("algebra")).to_pylist()
    assert (gap["outcome"], gap["missing_skills"]) == (outcome, missing)
    nothing = Reply(outcome=Outcome.JUDGED_CORRECT, value=[])
    stage = Diagnose(
        frozenset([content_id("algebra")]), GRAPH, lambda: lambda *_: [nothing], 1, judged_correct=judged_correct
    )
    assert stage.open()(graded("algebra"))["outcome"].to_pylist() == ["judged_correct"]
