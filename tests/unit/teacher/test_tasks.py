"""Keys of replies: the same for the same request, another for another one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

from skillray.teacher.llm_teacher import ReplySampling
from skillray.teacher.tasks import (
    Decompose,
    NameMissingSkills,
    Request,
    Rewrite,
    Solve,
    Task,
    WriteQuestions,
    canonical_json,
    reply_key,
    written,
)
from skillray.types import Question, content_id

QUESTION = Question(
    question_id=content_id("a"), question="2+2?", answer="4", solution="2+2=4", skills=("sum",), level=1
)
ASKED = NameMissingSkills(question=QUESTION, response="5", allowed=("sum", "product"))


def key(request: Request, model: str = "m@1", task: Task = Task.NAME_MISSING_SKILLS, **sampling: float) -> bytes:
    return reply_key(model, task, request, sampling)


def test_an_equal_request_has_the_same_key() -> None:
    assert len(key(ASKED)) == 16
    assert key(ASKED) == key(replace(ASKED, response="5"))
    renamed = replace(ASKED, question=replace(QUESTION, question_id=content_id("b")))
    assert key(ASKED) == key(renamed)  # the same question of another data set


def test_the_first_sample_is_what_is_asked_once() -> None:
    assert "sample" not in json.loads(canonical_json(ASKED))
    assert json.loads(canonical_json(replace(ASKED, sample=1)))["sample"] == 1
    assert ReplySampling().of(Task.NAME_MISSING_SKILLS, ASKED)["temperature"] == 0.0
    assert (
        ReplySampling().of(Task.NAME_MISSING_SKILLS, replace(ASKED, sample=1))["temperature"] == 1.0
    )  # else all are the same


def test_everything_that_decides_the_reply_is_in_the_key() -> None:
    solve, write = Solve(question=QUESTION, sample=0), WriteQuestions(skill="sum", seeds=(QUESTION,), count=2, index=0)
    apart = Decompose(skill="a", path=(), breadth=2, known=())
    keys = [
        key(ASKED),
        key(ASKED, model="m@2"),
        key(ASKED, task=Task.GRADE),
        key(ASKED, temperature=0.5),
        key(replace(ASKED, response="6")),
        key(replace(ASKED, sample=1)),
        key(replace(ASKED, sample=2)),
        key(replace(ASKED, allowed=("sum",))),
        key(replace(ASKED, question=replace(QUESTION, question="2+3?"))),
        key(solve),
        key(solve, task=Task.SOLVE),
        key(Rewrite(question=QUESTION, index=0), task=Task.SOLVE),
        key(Rewrite(question=QUESTION, index=1), task=Task.SOLVE),
        key(replace(solve, sample=1)),
        key(replace(solve, skills=("sum",))),
        key(write),
        key(replace(write, index=1)),
        key(replace(write, count=3)),
        key(apart),
        key(replace(apart, path=("b",))),
        key(replace(apart, known=("c",))),
    ]
    assert len(set(keys)) == len(keys)


def test_the_key_is_the_same_in_another_process() -> None:
    code = (
        "from skillray.teacher.tasks import *; from skillray.types import *\n"
        "q = Question(question_id=bytes(16), question='2+2?', answer='4', solution='2+2=4', skills=('sum',), level=1)\n"
        "r = NameMissingSkills(question=q, response='5', allowed=('sum', 'product'))\n"
        "print(reply_key('m@1', Task.NAME_MISSING_SKILLS, r, {}).hex())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == key(ASKED).hex()


def test_requests_and_written_questions_are_json() -> None:
    assert json.loads(canonical_json(ASKED))["question"]["question"] == "2+2?"
    assert "question_id" not in canonical_json(ASKED)
    body = json.loads(json.dumps(written(QUESTION)))
    assert (body["answer"], body["skills"], body["level"]) == ("4", ["sum"], 1)
