"""The exact teacher over a domain of one sum, and over arithmetic."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from skillray.domains import DOMAINS
from skillray.teacher.domain_teacher import DomainTeacher
from skillray.teacher.tasks import (
    Compose,
    Decompose,
    LabelSkills,
    NameMissingSkills,
    Outcome,
    Request,
    Rewrite,
    Solve,
    Task,
    WriteExercises,
    WriteQuestions,
    WriteTextbook,
    written,
)
from skillray.types import Question, StepScore, content_id

SUM = Question(question_id=bytes(16), question="2+2?", answer="4", solution="2+2=4\n#### 4", skills=("sum",), level=2)
ALLOWED = ("sum", "carry")


class TinyDomain:
    """Sums a+b; a line is right when it is the solution's line, and a wrong line lacks `carry`."""

    name = "tiny"

    def generate(self, skill: str, level: int, rng: random.Random) -> Question:
        a, b = rng.randint(0, 10**6), rng.randint(0, 10**6)
        return Question(
            question_id=content_id(a, b),
            question=f"{a}+{b}?",
            answer=str(a + b),
            solution=f"{a}+{b}={a + b}\n#### {a + b}",
            skills=(skill,),
            level=level,
        )

    def check(self, question: Question, response: str) -> tuple[StepScore, ...]:
        right = question.solution.split("\n")
        skill = None if "?" in response else "carry"
        return tuple(StepScore(text=t, score=float(t in right), skill=skill) for t in response.split("\n") if t)

    def rewrite(self, question: Question, rng: random.Random) -> str | None:
        return None

    def textbook(self, skill: str, rng: random.Random) -> str:
        return f"On {skill}: {rng.randint(0, 10**6)}"

    def compose(self, questions: Sequence[Question], rng: random.Random) -> Question | None:
        return None if questions[0].skills == ("carry",) else questions[0]

    def skills_of(self) -> tuple[str, ...]:
        return ALLOWED

    def builds_on(self, skill: str) -> tuple[str, ...] | None:
        return {"tiny": ("sum",), "sum": ("carry",), "carry": ()}.get(skill)


TEACHER = DomainTeacher(TinyDomain())


def ask(task: Task, request: Request) -> tuple[Outcome, object]:
    (reply,) = TEACHER.ask(task, [request])
    return reply.outcome, reply.value


@pytest.mark.parametrize(
    ("response", "outcome", "value"),
    [
        ("2+2=5\n#### 4", Outcome.OK, ["sum", "carry"]),  # the first wrong step
        ("2+2=4\n#### 4", Outcome.JUDGED_CORRECT, None),
        ("", Outcome.OK, ["sum"]),  # nothing written: the main skill
        ("?", Outcome.OK, ["sum"]),  # a wrong step without a skill: the main skill
    ],
)
def test_missing_skills(response: str, outcome: Outcome, value: object) -> None:
    request = NameMissingSkills(question=SUM, response=response, allowed=ALLOWED)
    assert ask(Task.NAME_MISSING_SKILLS, request) == (outcome, value)


def test_a_skill_outside_the_vocabulary() -> None:
    request = NameMissingSkills(question=SUM, response="2+2=5", allowed=("other",))
    (reply,) = TEACHER.ask(Task.NAME_MISSING_SKILLS, [request])
    assert (reply.outcome, reply.value, reply.raw) == (Outcome.UNKNOWN_SKILL, None, "sum, carry")


def test_labels_are_the_domains() -> None:
    assert ask(Task.LABEL_SKILLS, LabelSkills(question=SUM, allowed=ALLOWED)) == (Outcome.OK, ["sum"])


def test_solutions_are_exact() -> None:
    assert ask(Task.SOLVE, Solve(question=SUM, sample=3)) == (Outcome.OK, SUM.solution)
    bare = Question(question_id=bytes(16), question="?", answer="", solution="", skills=())
    assert ask(Task.SOLVE, Solve(question=bare, sample=0)) == (Outcome.EMPTY, None)


def test_new_questions_are_of_the_request_and_as_hard_as_the_seeds() -> None:
    request = WriteQuestions(skill="sum", seeds=(SUM,), count=2, index=0)
    outcome, value = ask(Task.WRITE_QUESTIONS, request)
    assert outcome is Outcome.OK and isinstance(value, list) and len(value) == 2
    assert value == ask(Task.WRITE_QUESTIONS, request)[1] == json.loads(json.dumps(value))
    assert [question["level"] for question in value] == [2, 2]
    other = ask(Task.WRITE_QUESTIONS, WriteQuestions(skill="sum", seeds=(SUM,), count=2, index=1))[1]
    assert other != value
    unheard = WriteQuestions(skill="unheard", seeds=(SUM,), count=2, index=0)
    assert ask(Task.WRITE_QUESTIONS, unheard) == (Outcome.UNKNOWN_SKILL, None)


def test_after_seeds_of_no_level_new_questions_are_of_any() -> None:
    request = WriteQuestions(skill="sum", seeds=(replace(SUM, level=None),), count=30, index=0)
    assert {question["level"] for question in ask(Task.WRITE_QUESTIONS, request)[1]} == {1, 2, 3}  # type: ignore


def test_without_a_skill_new_questions_need_what_a_seed_needs() -> None:
    carry = Question(question_id=bytes(16), question="7+8?", answer="15", solution="", skills=("carry",), level=2)
    asked = [WriteQuestions(skill=None, seeds=(SUM, carry), count=1, index=i) for i in range(30)]
    found = [ask(Task.WRITE_QUESTIONS, one)[1][0]["skills"] for one in asked]  # type: ignore[index]
    assert {tuple(skills) for skills in found} == {("sum",), ("carry",)}
    bare = WriteQuestions(skill=None, seeds=(), count=1, index=0)
    assert ask(Task.WRITE_QUESTIONS, bare) == (Outcome.UNKNOWN_SKILL, None)


def test_passages_exercises_and_composed_questions_are_the_domains() -> None:
    book = WriteTextbook(skill="sum", subject="", description="", prerequisites=(), index=0)
    outcome, text = ask(Task.WRITE_TEXTBOOK, book)
    assert outcome is Outcome.OK and str(text).startswith("On sum: ")
    assert text == ask(Task.WRITE_TEXTBOOK, book)[1] != ask(Task.WRITE_TEXTBOOK, replace(book, index=1))[1]
    wanted = WriteExercises(skill="sum", subject="", description="", learned=(), count=3, index=0)
    value = ask(Task.WRITE_EXERCISES, wanted)[1]
    assert isinstance(value, list) and [one["skills"] for one in value] == [["sum"]] * 3 and value[0]["solution"]
    assert ask(Task.COMPOSE, Compose(questions=(SUM, SUM), index=0))[1] == written(SUM)
    carry = replace(SUM, skills=("carry",))
    assert ask(Task.COMPOSE, Compose(questions=(carry, SUM), index=0)) == (Outcome.EMPTY, None)
    unheard = [(Task.WRITE_TEXTBOOK, replace(book, skill="x")), (Task.WRITE_EXERCISES, replace(wanted, skill="x"))]
    assert [ask(*one)[0] for one in unheard] == [Outcome.UNKNOWN_SKILL] * 2


def test_what_it_cannot_do_it_says() -> None:
    assert ask(Task.WRITE_TEXTBOOK, Solve(question=SUM, sample=0))[0] is Outcome.UNSUPPORTED


@pytest.mark.parametrize("skill", DOMAINS["arithmetic"].skills_of())
def test_arithmetic_rewrites_exactly(skill: str) -> None:
    """Every step of every rewrite is right, in as many lines of the same characters."""
    domain, rng = DOMAINS["arithmetic"], random.Random(7)
    questions = [domain.generate(skill, 1 + i % 3, rng) for i in range(30)]
    asked = [Rewrite(question=question, index=i) for question in questions for i in range(3)]
    replies = DomainTeacher(domain).ask(Task.SOLVE, asked)
    for request, reply in zip(asked, replies, strict=True):
        question = request.question
        assert reply.outcome is Outcome.OK and {step.score for step in domain.check(question, reply.value)} == {1.0}
        assert reply.value.splitlines()[-1] == f"#### {question.answer}"
        old, new = question.solution.splitlines(), reply.value.splitlines()
        assert [sorted(line) for line in old] == [sorted(line) for line in new]
    assert replies == DomainTeacher(domain).ask(Task.SOLVE, asked)


def test_a_question_of_another_world_gets_a_typed_outcome(shared_data: Path) -> None:
    """2,000 MATH questions, every task: no exception, and no rewrite or new question from a teacher that has none."""
    teacher, rows = DomainTeacher(DOMAINS["arithmetic"]), pq.read_table(shared_data / "math" / "test.parquet")
    for row in rows.slice(0, 2000).to_pylist():
        fields = {name: row[name] for name in ("question", "answer", "solution", "subject", "level")}
        question = Question(question_id=bytes(16), skills=tuple(row["skills"]), **fields)
        requests: list[tuple[Task, Request]] = [
            (Task.SOLVE, Rewrite(question=question, index=0)),
            (Task.WRITE_QUESTIONS, WriteQuestions(skill=question.skills[0], seeds=(question,), count=2, index=0)),
            (Task.SOLVE, Solve(question=question, sample=0)),
            (Task.LABEL_SKILLS, LabelSkills(question=question, allowed=question.skills)),
            *(
                (Task.NAME_MISSING_SKILLS, NameMissingSkills(question=question, response=text, allowed=question.skills))
                for text in (question.solution, "3+4=7\n#### 7", "")
            ),
        ]
        outcomes = [teacher.ask(task, [request])[0].outcome for task, request in requests]
        assert outcomes[:4] == [Outcome.UNSUPPORTED, Outcome.UNKNOWN_SKILL, Outcome.OK, Outcome.OK]
        assert set(outcomes[4:]) <= {Outcome.OK, Outcome.JUDGED_CORRECT}


@pytest.mark.parametrize("skill", DOMAINS["arithmetic"].skills_of())
def test_arithmetic_writes_solves_and_judges_itself(skill: str) -> None:
    teacher = DomainTeacher(DOMAINS["arithmetic"])
    (reply,) = teacher.ask(Task.WRITE_QUESTIONS, [WriteQuestions(skill=skill, seeds=(), count=3, index=0)])
    questions = [Question(question_id=bytes(16), **{**body, "skills": tuple(body["skills"])}) for body in reply.value]
    solved = teacher.ask(Task.SOLVE, [Solve(question=question, sample=0) for question in questions])
    judged = [
        NameMissingSkills(question=question, response=text, allowed=tuple(DOMAINS["arithmetic"].skills_of()))
        for question, solution in zip(questions, solved, strict=True)
        for text in (solution.value, "")
    ]
    outcomes = [(r.outcome, r.value) for r in teacher.ask(Task.NAME_MISSING_SKILLS, judged)]
    assert outcomes == [(Outcome.JUDGED_CORRECT, None), (Outcome.OK, [skill])] * 3


def test_it_takes_apart_what_its_domain_has() -> None:
    asked = [Decompose(skill=skill, path=(), breadth=3, known=()) for skill in ("tiny", "sum", "carry", "other")]
    replies = TEACHER.ask(Task.DECOMPOSE, asked)
    outcomes = [Outcome.OK, Outcome.OK, Outcome.EMPTY, Outcome.UNKNOWN_SKILL]
    assert [reply.outcome for reply in replies] == outcomes
    assert replies[0].value == [{"name": "sum", "description": ""}]
