"""What an LLM teacher is shown, and what it never sees."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from skillray.errors import ConfigError
from skillray.teacher.prompting import MAX_CHARS, Prompts, PromptTooLongError
from skillray.teacher.tasks import (
    ClusterSkills,
    Compose,
    Decompose,
    Grade,
    LabelSkills,
    NameMissingSkills,
    Rewrite,
    Solve,
    WriteExercises,
    WriteQuestions,
    WriteTextbook,
)
from skillray.types import Question, content_id

QUESTION = Question(
    question_id=content_id("q"), question="What is it?", answer="ANSWER", solution="SOLUTION", skills=("LABEL",)
)
LIMIT = 12_000
"""Characters of a prompt for a real question: about 4,000 tokens."""


def test_the_reference_of_the_question_asked_about_is_shown_for_a_rewrite_alone() -> None:
    prompts = Prompts()
    for request in (
        LabelSkills(question=QUESTION, allowed=("sum",)),
        LabelSkills(question=QUESTION, allowed=()),
        NameMissingSkills(question=QUESTION, response="5", allowed=("sum",)),
        Solve(question=QUESTION, sample=0),
    ):
        text = prompts.render(request)
        assert "What is it?" in text
        assert not any(secret in text for secret in ("ANSWER", "SOLUTION", "LABEL"))
    assert "SOLUTION" in prompts.render(Rewrite(question=QUESTION, index=0))
    assert "SOLUTION" in prompts.render(WriteQuestions(skill="sum", seeds=(QUESTION,), count=2, index=0))


def test_names_are_asked_for_without_a_list_and_put_into_families() -> None:
    free = Prompts().render(LabelSkills(question=QUESTION, allowed=()))
    assert "Name the one skill" in free and "list" not in free and '"skills": ["name"]}' in free
    text = Prompts().render(ClusterSkills(labels=("a_b", "c"), subject="algebra", families=7))
    assert "- a_b\n- c\n" in text and "of algebra" in text and "about 7 families" in text


def test_a_skill_is_taken_apart_where_it_stands() -> None:
    text = Prompts().render(Decompose(skill="limits", path=("math", "calculus"), breadth=5, known=("sums",)))
    assert '"limits"' in text and "math > calculus > limits" in text and "At most 5" in text and "- sums\n" in text
    top = Prompts().render(Decompose(skill="calculus", path=(), breadth=5, known=()))
    assert "part of" not in top and "have names already" not in top


def test_new_questions_are_for_a_skill_or_like_their_seeds() -> None:
    texts = [
        Prompts().render(WriteQuestions(skill=skill, seeds=(QUESTION,), count=1, index=0)) for skill in ("sum", None)
    ]
    assert 'that needs the skill "sum".' in texts[0] and "of the same kind as the examples." in texts[1]
    assert "None" not in texts[1] and "skill" not in texts[1]


def test_passages_and_exercises_are_for_a_skill_and_say_what_it_builds_on() -> None:
    prompts = Prompts()
    for subject, needs in (("", ("counting",)), ("maths", ("maths/counting",)), ("", ())):
        book = WriteTextbook(skill="sums", subject=subject, description="a plus b", prerequisites=needs, index=0)
        exercises = WriteExercises(skill="sums", subject=subject, description="", learned=needs, count=3, index=1)
        for text in (prompts.render(book), prompts.render(exercises)):
            assert '"sums"' in text and ("counting" in text) == bool(needs) and "maths/" not in text
            assert ("maths" in text) == bool(subject)
        assert "a plus b" in prompts.render(book) and "Write 3 exercises" in prompts.render(exercises)


def test_a_problem_is_composed_of_easy_ones_that_are_shown_with_their_solutions() -> None:
    text = Prompts().render(Compose(questions=(QUESTION, QUESTION), index=0))
    assert "Problem 2:\nWhat is it?\nSolution:\nSOLUTION" in text and "ANSWER" not in text


def test_a_text_is_graded_by_criteria_that_are_numbered() -> None:
    text = Prompts().render(Grade(asked="Show a metaphor.", response="Time flies.", criteria=("metaphor", "sense")))
    assert "each of 2 criteria" in text and "Time flies." in text and "1. metaphor\n2. sense\n" in text


def test_a_template_in_a_users_folder_replaces_ours_and_changes_the_version(tmp_path: Path) -> None:
    (tmp_path / "solve.j2").write_text("Mine: {{ question }}")
    mine = Prompts(str(tmp_path))
    assert mine.render(Solve(question=QUESTION, sample=0)) == "Mine: What is it?"
    assert mine.version != Prompts().version == Prompts().version


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ answer }}", "'answer' is undefined"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ skills.append(1) }}", "append"),
    ],
)
def test_a_template_reaches_its_fields_and_nothing_else(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "solve.j2").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        Prompts(str(tmp_path)).render(Solve(question=QUESTION, sample=0))


def test_template_files_are_checked_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "solve.j2").write_text("{{ question")
    with pytest.raises(ConfigError, match="correct the template"):
        Prompts(str(tmp_path))
    (tmp_path / "solve.j2").rename(tmp_path / "sovle.j2")
    with pytest.raises(ConfigError, match="not the name of a template"):
        Prompts(str(tmp_path))


def test_a_prompt_without_end_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "solve.j2").write_text("{% for i in range(99999) %}{{ question }}{% endfor %}")
    with pytest.raises(PromptTooLongError, match=str(MAX_CHARS)):
        Prompts(str(tmp_path)).render(Solve(question=QUESTION, sample=0))


@pytest.mark.parametrize("name", ["math/train", "math/test", "gsm8k/train", "gsm8k/test"])
def test_every_real_question_renders_within_the_limit(shared_data: Path, name: str) -> None:
    vocabulary = json.loads((shared_data / name.split("/")[0] / "skills.json").read_text())
    every = max(vocabulary.values(), key=len) if isinstance(vocabulary, dict) else vocabulary
    allowed, prompts = tuple(map(str, every)), Prompts()
    rows = pq.read_table(shared_data / f"{name}.parquet", columns=["question", "solution", "answer"]).to_pylist()
    for row in rows:
        question = Question(question_id=b"", skills=(), **row)
        for request in (
            LabelSkills(question=question, allowed=allowed),
            NameMissingSkills(question=question, response=question.solution, allowed=allowed),
            Rewrite(question=question, index=0),
            Solve(question=question, sample=0),
        ):
            text = prompts.render(request)
            assert question.question in text
            assert len(text) <= LIMIT


def test_a_template_begins_behind_the_byte_order_mark_and_its_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "läuf [v1] 100% #1"
    folder.mkdir()
    (folder / "solve.j2").write_bytes(b"\xef\xbb\xbfSolve:\r\n{{ question }}")
    assert Prompts(str(folder)).render(Solve(question=QUESTION, sample=0)) == "Solve:\nWhat is it?"
    (folder / "solve.j2").write_bytes("Löse: {{ question }}".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"solve\.j2 is not UTF-8 text; save it as UTF-8"):
        Prompts(str(folder))
