"""One meaning, many spellings: what models really send, and what may not be guessed."""

from __future__ import annotations

from typing import Any

import pytest

from skillray.teacher.parse import parse
from skillray.teacher.tasks import (
    ClusterSkills,
    Compose,
    Decompose,
    Grade,
    LabelSkills,
    NameMissingSkills,
    Outcome,
    Request,
    Rewrite,
    Solve,
    WriteExercises,
    WriteQuestions,
)
from skillray.types import Question, content_id

QUESTION = Question(
    question_id=content_id("q"), question="2+3?", answer="5", solution="2 + 3 = 5.", skills=("sum_skills",), level=2
)
ALLOWED = ("sum_skills", "product_skills", "c++", "number_theory/modular_arithmetic")
LABEL = LabelSkills(question=QUESTION, allowed=ALLOWED)
FREE = LabelSkills(question=QUESTION, allowed=())
MISSING = NameMissingSkills(question=QUESTION, response="It is 6.", allowed=ALLOWED)
WRITE = WriteQuestions(skill="sum_skills", seeds=(QUESTION,), count=3, index=0)
CLUSTER = ClusterSkills(labels=("add_two", "add three", "primes"), subject="", families=2)
EXERCISES = WriteExercises(skill="sum_skills", subject="", description="", learned=("counting",), count=2, index=0)
COMPOSE = Compose(questions=(QUESTION, QUESTION), index=0)
PARTS = Decompose(skill="calculus", path=(), breadth=3, known=())
GRADE = Grade(asked="Write.", response="A text.", criteria=("metaphor", "good sense"))
SOLVE = Solve(question=QUESTION, sample=0)
REWRITE = Rewrite(question=QUESTION, index=0)
PROBLEM = {"question": "1+1?", "solution": "1 + 1 = 2"}


@pytest.mark.parametrize(
    "text",
    [
        '{"skills": ["sum_skills", "product_skills",]}',
        '{"skills": ["sum_skills" "product_skills"]}',
        '{"skills": ["sum_skills",, "product_skills"]}',
        '{"skills": ["sum_skills", "product_skills"]',
        '{"skills": ["sum_skills", "product_skills"}',
        '{"skills": ["sum_skills", "product_skills"]]}',
        '{{"skills": ["sum_skills", "product_skills"]}}',
        "{'reason': 'it's so', 'skills': ['sum_skills', 'product_skills'], 'x': None, 'y': True}",
        "{“skills”: [“sum_skills”, “product_skills”]}",
        "{‘skills’: [‘sum_skills’, ‘product_skills’]}",
        "{«skills»: [«sum_skills», «product_skills»]}",
        '{"skills"：["sum_skills"，"product_skills"]}',
        '{"skills"=["sum_skills"; "product_skills"]}',
        "{skills: [sum_skills, product_skills]}",
        '{"SKILLS": ["sum_skills", "product_skills"]}',
        '{"Missing Skills": ["sum_skills", "product_skills"]}',
        '{"missingSkills": ["sum_skills", "product_skills"]}',
        '{"missing_skills": ["sum_skills", "product_skills"]}',
        '{"answer": {"skills": ["sum_skills", "product_skills"]}}',
        '{"result": [{"reply": {"skills": ["sum_skills", "product_skills"]}}]}',
        '{"reply": "{\\"skills\\": [\\"sum_skills\\", \\"product_skills\\"]}"}',
        '"{\\"skills\\": [\\"sum_skills\\", \\"product_skills\\"]}"',
        '{\\"skills\\": [\\"sum_skills\\", \\"product_skills\\"]}',
        '{"skills": [{"name": "sum_skills", "reason": "r"}, {"name": "product_skills"}]}',
        '{"skills": [{"skill": "sum_skills"}, {"skill": "product_skills"}]}',
        '{"skills": {"sum_skills": "why", "product_skills": "why"}}',
        '{"skills": {"sum_skills": true, "product_skills": true, "c++": false}}',
        '{"skills": {"main": "sum_skills", "others": ["product_skills"]}}',
        '{"skills": "sum_skills, product_skills"}',
        '{"skills": "sum_skills and product_skills"}',
        '{"skills": ["sum_skills: adds", "product_skills (multiplies)"]}',
        '[{"name": "sum_skills"}, {"name": "product_skills"}]',
        "['sum_skills', 'product_skills']",
        '// note\n{"skills": ["sum_skills", "product_skills"] // both\n}',
        "sum_skills, product_skills",
        "sum_skills\nproduct_skills",
        "1. **sum_skills**: adds\n   - more on it\n2. `product_skills` - multiplies",
        "Skills: sum_skills, product_skills",
        "**Skills:**\n- sum_skills\n- product_skills",
        "<skills>sum_skills, product_skills</skills>",
        '[THINK]{"skills": ["c++"]}[/THINK]{"skills": ["sum_skills", "product_skills"]}',
    ],
)
@pytest.mark.parametrize("request_", [LABEL, MISSING])
def test_two_skills_are_two_skills_however_they_are_written(request_: Request, text: str) -> None:
    reply = parse(request_, text)
    assert (reply.outcome, reply.value) == (Outcome.OK, ["sum_skills", "product_skills"])


@pytest.mark.parametrize(
    "text",
    [
        '{"skills": ["sum_skills", "prod',
        '{"skills": ["sum_skills"',
        '{"used": ["sum_skills"], "skills": ["prod',  # of which field?
        '{"skills": [3, {}]}',
        '{"type": "object", "properties": {"skills": {"type": "array"}}}',
        "It needs sum_skills, I suppose, or perhaps none of them.",
        "<think>It needs sum_skills",
    ],
)
def test_what_breaks_off_or_says_something_else_is_not_completed(text: str) -> None:
    assert parse(LABEL, text).outcome in (Outcome.MALFORMED, Outcome.UNKNOWN_SKILL, Outcome.EMPTY)


def test_a_name_alone_is_a_name_and_a_sentence_is_not() -> None:
    assert parse(LABEL, "Sum skills.").value == ["sum_skills"]
    assert parse(FREE, "**adding_two_digit_numbers**").value == ["adding_two_digit_numbers"]
    assert parse(FREE, "It has none.").outcome is Outcome.MALFORMED
    assert parse(LABEL, '{"skills": "none"}').outcome is parse(LABEL, '{"skills": null}').outcome is Outcome.EMPTY


def test_a_skill_of_the_subject_may_be_named_without_its_subject() -> None:
    assert parse(LABEL, '{"skills": ["modular arithmetic"]}').value == ["number_theory/modular_arithmetic"]
    two = LabelSkills(question=QUESTION, allowed=("a/sums", "b/sums"))
    assert parse(two, '{"skills": ["sums"]}').outcome is Outcome.UNKNOWN_SKILL  # of a, or of b?
    assert parse(two, '{"skills": ["b/sums"]}').value == ["b/sums"]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ('{"judge": "not correct", "skills": ["sum_skills"]}', Outcome.OK),
        ('{"Judge": "Wrong", "missing_skills": ["sum_skills"]}', Outcome.OK),
        ('{"verdict": "partially correct", "skills": ["sum_skills"]}', Outcome.OK),
        ('{"is_correct": false, "skills": ["sum_skills"]}', Outcome.OK),
        ('{"correct": 0, "skills": ["sum_skills"]}', Outcome.OK),
        ('{"evaluation": {"judge": "incorrect"}, "skills": ["sum_skills"]}', Outcome.OK),
        ("Judge: incorrect\nSkills: sum_skills", Outcome.OK),
        ("The answer is not correct.\n- sum_skills", Outcome.OK),
        ('{"judge": "yes", "skills": []}', Outcome.JUDGED_CORRECT),
        ('{"judge": 1}', Outcome.JUDGED_CORRECT),
        ("Correct.", Outcome.JUDGED_CORRECT),
        ("The student's answer is correct.\n- sum_skills", Outcome.JUDGED_CORRECT),
        ('{"judge": "probably correct", "skills": ["sum_skills"]}', Outcome.MALFORMED),
        ('{"judge": "correct or incorrect", "skills": ["sum_skills"]}', Outcome.MALFORMED),
        ('{"judge": "incorrect", "skills": null}', Outcome.EMPTY),
    ],
)
def test_a_judgement_is_never_read_as_its_opposite(text: str, outcome: Outcome) -> None:
    assert parse(MISSING, text).outcome is outcome


def test_skills_named_though_the_answer_was_judged_correct_are_kept() -> None:
    reply = parse(MISSING, '{"judge": "correct", "skills": ["sum_skills"]}')
    assert (reply.outcome, reply.value) == (Outcome.JUDGED_CORRECT, ["sum_skills"])


SKILLS = tuple(f"skill_{letter}" for letter in "abcdefghijklmn")


@pytest.mark.parametrize(
    ("count", "outcome"),
    [(2, Outcome.OK), (7, Outcome.OK), (8, Outcome.TOO_MANY_SKILLS), (12, Outcome.TOO_MANY_SKILLS)],
)
def test_a_list_of_most_of_the_vocabulary_is_no_choice(count: int, outcome: Outcome) -> None:
    """Of 14 skills more than half: 7 are not more, 12 is what a small model was seen to list."""
    text = f'{{"judge": "incorrect", "skills": {list(SKILLS[:count])}}}'
    for request in (LabelSkills(question=QUESTION, allowed=SKILLS), MISSING_OF_MANY):
        assert parse(request, text).outcome is outcome
    few = LabelSkills(question=QUESTION, allowed=SKILLS[:4])
    assert parse(few, text).outcome is Outcome.OK  # of four, all four are at most five


MISSING_OF_MANY = NameMissingSkills(question=QUESTION, response="6", allowed=SKILLS)


@pytest.mark.parametrize(
    "text",
    [
        '{"questions": ["1+1?", "2+2?",]}',
        '{"questions": [{"question": "1+1?"}, {"question": "2+2?", "level": 3}]}',
        '{"questions": {"1": "1+1?", "2": "2+2?"}}',
        '{"Questions": [{"text": "1+1?"}, {"problem": "2+2?"}]}',
        '[{"question": "1+1?"}, {"question": "2+2?"}]',
        '{"question": "1+1?"}\n{"question": "2+2?"}',
        "1. 1+1?\n2. 2+2?\n\nI hope that these help!",
        "**Question 1:** 1+1?\n\n**Question 2:** 2+2?",
    ],
)
def test_two_questions_are_two_questions(text: str) -> None:
    assert [question["question"] for question in parse(WRITE, text).value] == ["1+1?", "2+2?"]


def test_a_numbered_question_with_a_list_in_it_is_one_question() -> None:
    text = "1. Which is even?\n   - 3\n   - 4\n2. Tom has 2 apples\n   and buys 3. How many?\n- all of them?"
    assert [question["question"] for question in parse(WRITE, text).value] == [
        "Which is even?\n- 3\n- 4",
        "Tom has 2 apples\nand buys 3. How many?\n- all of them?",
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"exercises": [{"problem": "1+1?", "solution": ["1 + 1", "= 2"]},]}',
        '{"exercises": [{"question": "1+1?", "steps": [{"step": "1 + 1"}, {"step": "= 2"}]}]}',
        '{"problems": {"1": {"problem": "1+1?", "solution": {"step 1": "1 + 1", "step 2": "= 2"}}}}',
        '{"Problem": "1+1?", "Solution": "1 + 1\\n\\n= 2"}',
    ],
)
def test_a_solution_may_be_a_list_of_steps(text: str) -> None:
    for request, value in ((EXERCISES, parse(EXERCISES, text).value), (COMPOSE, [parse(COMPOSE, text).value])):
        assert [(one["question"], one["solution"]) for one in value] == [("1+1?", "1 + 1\n\n= 2")], request


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"clusters": [{"name": "sums", "labels": ["add_two", "add three",]},]}', {"sums": ["add_two", "add three"]}),
        ('{"clusters": {"sums": ["add_two", "add three"]}}', {"sums": ["add_two", "add three"]}),
        ('{"families": [{"family": "sums", "skills": "add_two, add three"}]}', {"sums": ["add_two", "add three"]}),
        ('{"sums": ["add_two"], "rest": ["primes"]}', {"sums": ["add_two"], "rest": ["primes"]}),
        ('{"clusters": [{"sums": ["add_two"]}, {"rest": ["primes"]}]}', {"sums": ["add_two"], "rest": ["primes"]}),
        ("- sums: add_two, add three\n- rest: primes", {"sums": ["add_two", "add three"], "rest": ["primes"]}),
    ],
)
def test_families_are_read(text: str, value: dict[str, Any]) -> None:
    assert parse(CLUSTER, text).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"points": [1, 0,]}', [1, 0]),
        ('{"points": [1.0, "0.0"]}', [1, 0]),
        ('{"points": ["yes", "no"]}', [1, 0]),
        ('{"points": {"good sense": 0, "Metaphor": 1}}', [1, 0]),
        ('{"points": {"1": 1, "2": 0}}', [1, 0]),
        ('{"points": [{"criterion": "good sense", "points": 0}, {"criterion": "metaphor", "points": 1}]}', [1, 0]),
        ('{"metaphor": 1, "good sense": 0}', [1, 0]),
        ('{"points": "1, 0"}', [1, 0]),
        ("[1, 0]", [1, 0]),
        ("1, 0", [1, 0]),
        ("metaphor: 1\n- **good sense:** no", [1, 0]),
        ('{"points": [{"metaphor": 1}, {"good sense": 0}]}', [1, 0]),
        ('{"points": ["1/1", "0 points"]}', [1, 0]),
        ('{"points": {"metaphor": 1}}', None),
        ('{"points": {"metaphor": 1, "rhyme": 0}}', None),
        ('{"points": [0.5, 1]}', None),
        ('{"points": [{"criterion": "metaphor", "points": 1}, {"criterion": "metaphor", "points": 0}]}', None),
    ],
)
def test_points_are_read_by_order_or_by_criterion(text: str, value: list[int] | None) -> None:
    assert parse(GRADE, text).value == value


@pytest.mark.parametrize(
    "text",
    [
        "[THINK]Hm, maybe \\boxed{7}? No.[/THINK]2 + 3 = 5, so \\boxed{5}.",
        "<reasoning>\nHm, maybe \\boxed{7}? No.\n</reasoning>\n2 + 3 = 5, so \\boxed{5}.",
        "<THINK>\\boxed{7}</THINK>\n2 + 3 = 5, so \\boxed{5}.",
        "◁think▷Hm, maybe \\boxed{7}? No.◁/think▷2 + 3 = 5, so \\boxed{5}.",
        "<|channel|>analysis<|message|>\\boxed{7}?<|end|><|start|>assistant<|channel|>final<|message|>"
        "2 + 3 = 5, so \\boxed{5}.",
        '{"solution": "2 + 3 = 5, so \\boxed{5}."}',
    ],
)
@pytest.mark.parametrize("request_", [SOLVE, REWRITE])
def test_a_solution_is_without_thoughts(request_: Request, text: str) -> None:
    assert parse(request_, text).value == "2 + 3 = 5, so \\boxed{5}."


def test_thoughts_that_never_end_are_no_solution() -> None:
    assert parse(SOLVE, "<think>\nHm, maybe \\boxed{7}? No.").outcome is Outcome.EMPTY


def test_a_rewrite_that_is_nothing_but_an_answer_is_counted_as_such() -> None:
    assert parse(REWRITE, "The final answer is 5.").outcome is Outcome.NO_STEPS
    assert parse(REWRITE, "Sure!\n\n**Final Answer:** \\boxed{5}").outcome is Outcome.NO_STEPS
    assert parse(REWRITE, "Adding 3 to 2 gives 5.\n\\boxed{5}").outcome is Outcome.OK
    without = Rewrite(question=Question(question_id=b"", question="2+3?", answer="5", solution="5", skills=()), index=0)
    assert parse(without, "The final answer is 5.").outcome is Outcome.OK  # its reference has no step either
