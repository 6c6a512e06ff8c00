"""A teacher over a completer that answers from a table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from skillray.errors import DeadlineError, TeacherError
from skillray.teacher.identity import TeacherId
from skillray.teacher.llm_teacher import Completion, LLMTeacher, ReplySampling
from skillray.teacher.prompting import Prompts
from skillray.teacher.tasks import (
    Compose,
    NameMissingSkills,
    Outcome,
    Request,
    Solve,
    Task,
    WriteExercises,
    WriteTextbook,
)
from skillray.types import Question

SUMS = Question(question_id=bytes(16), question="What is 1+1?", answer="2", solution="1+1=2", skills=("sums",))


@dataclass
class Table:
    """Answers in the order asked for, the first one last."""

    answers: list[Completion | Exception]
    model: str = "tiny@1"
    asked: list[tuple[str, Mapping[str, Any], Any]] = field(default_factory=list)
    ended: int = 0
    longest_s: float = 0.04

    async def complete(self, prompt: str, sampling: Mapping[str, Any], schema: Any) -> Completion:
        place = len(self.asked)
        self.asked.append((prompt, sampling, schema))
        await asyncio.sleep(self.longest_s if place == 0 else 0.02 * (len(self.answers) - place))
        self.ended += 1
        answer = self.answers[place]
        if isinstance(answer, Exception):
            raise answer
        return answer


def ask(table: Table, task: Task, *requests: Request) -> list[Any]:
    return asyncio.run(LLMTeacher(table, Prompts()).ask(task, requests))


def test_replies_stand_in_the_order_of_the_requests() -> None:
    table = Table([Completion(text="1+1=2\n#### 2"), Completion(text="It is 2", finish_reason="length")])
    replies = ask(table, Task.SOLVE, Solve(question=SUMS, sample=0), Solve(question=SUMS, sample=1))
    assert [reply.outcome for reply in replies] == [Outcome.OK, Outcome.TRUNCATED]
    assert replies[0].value == "1+1=2\n#### 2" and replies[1].value is None
    (first, sampling, schema), (second, other, _) = table.asked
    assert "What is 1+1?" in first and first == second and schema is None
    assert sampling["temperature"] == 1.0 and sampling["seed"] != other["seed"]  # the same text, sampled twice


def test_missing_skills_are_asked_for_by_schema() -> None:
    text = '{"judge": "incorrect", "reason": "r", "skills": ["Sums", "flying"]}'
    missing = NameMissingSkills(question=SUMS, response="1+1=3", allowed=("sums", "products"))
    table = Table([Completion(text=text)])
    [reply] = ask(table, Task.NAME_MISSING_SKILLS, missing)
    assert (reply.outcome, reply.value) == (Outcome.OK, ["sums"])
    prompt, sampling, schema = table.asked[0]
    assert "1+1=3" in prompt and "1+1=2" not in prompt  # the reference is not shown
    assert sampling["temperature"] == 0.0 and set(schema["properties"]) == {"judge", "reason", "skills"}


CHAPTER = "# sums\n## Description\n## Key concepts\n## Worked examples\n## Homework"


def test_passages_are_plain_text_and_exercises_and_composed_problems_come_by_schema() -> None:
    about = {"skill": "sums", "subject": "", "description": ""}
    exercise = '{"problem": "3+4?", "solution": "\\\\boxed{7}", "skills": []}'
    answers = [
        (Task.WRITE_TEXTBOOK, WriteTextbook(prerequisites=(), index=0, **about), CHAPTER, CHAPTER),
        (
            Task.WRITE_EXERCISES,
            WriteExercises(learned=(), count=1, index=0, **about),
            f'{{"exercises": [{exercise}]}}',
            1,
        ),
        (Task.COMPOSE, Compose(questions=(SUMS, SUMS), index=0), exercise, "3+4?"),
    ]
    for task, request, text, expected in answers:
        table = Table([Completion(text=text)])
        [reply] = ask(table, task, request)
        found = {Task.WRITE_TEXTBOOK: lambda value: value, Task.WRITE_EXERCISES: len}.get(task, lambda q: q["question"])
        assert (reply.outcome, found(reply.value)) == (Outcome.OK, expected)
        assert (table.asked[0][2] is None) is (task is Task.WRITE_TEXTBOOK) and table.asked[0][1]["temperature"] == 1.0
    assert reply.value["solution"] == "\\boxed{7}"


def test_what_the_service_turned_down_or_the_teacher_cannot_do_is_a_reply() -> None:
    down = Completion(text="400: too long", finish_reason="error")
    [reply] = ask(Table([down]), Task.SOLVE, Solve(question=SUMS, sample=0))
    assert (reply.outcome, reply.raw) == (Outcome.FAILED, "400: too long")
    [other] = ask(Table([]), Task.COMPOSE, Solve(question=SUMS, sample=0))
    assert other.outcome is Outcome.UNSUPPORTED


def test_an_error_of_the_service_is_raised_as_it_is_and_ends_the_others() -> None:
    table = Table([Completion(text="late"), DeadlineError("no answer in 60 s")], longest_s=60.0)
    with pytest.raises(DeadlineError, match="no answer in 60 s"):
        ask(table, Task.SOLVE, Solve(question=SUMS, sample=0), Solve(question=SUMS, sample=1))
    assert table.ended == 1


def test_another_prompt_is_another_teacher(tmp_path: Any) -> None:
    (tmp_path / "solve.j2").write_text("Solve: {{ question }}")
    ours, theirs = (LLMTeacher(Table([]), prompts).model for prompts in (Prompts(), Prompts(str(tmp_path))))
    assert ours != theirs and ours.startswith("tiny@1+prompts-")


def test_a_reply_that_could_only_be_sampled_is_not_kept_as_a_greedy_one() -> None:
    missing = NameMissingSkills(question=SUMS, response="1+1=3", allowed=("sums", "products"))
    answer = Completion(text='{"judge": "incorrect", "skills": ["sums"]}', without=frozenset({"temperature"}))
    with pytest.raises(
        TeacherError, match=r"takes no temperature, and name_missing_skills is asked at 0.*teacher.greedy"
    ):
        ask(Table([answer]), Task.NAME_MISSING_SKILLS, missing)
    table, sampling = Table([answer]), ReplySampling(greedy=False)
    [reply] = asyncio.run(LLMTeacher(table, Prompts(), sampling).ask(Task.NAME_MISSING_SKILLS, [missing]))
    assert reply.outcome is Outcome.OK and "temperature" not in table.asked[0][1]


def test_the_longest_reply_is_set_by_task_and_is_part_of_the_key() -> None:
    solve = Solve(question=SUMS, sample=0)
    usual, longer = ReplySampling(), ReplySampling(max_tokens={Task.SOLVE: 16_384})
    assert usual.of(Task.SOLVE, solve) == {"temperature": 1.0, "max_tokens": 2048}
    assert longer.of(Task.SOLVE, solve) == {"temperature": 1.0, "max_tokens": 16_384}
    keys = {TeacherId("m", sampling).key(Task.SOLVE, solve) for sampling in (usual, longer)}
    assert len(keys) == 2
