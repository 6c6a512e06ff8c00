from __future__ import annotations

from typing import Any

import pytest

from skillray.config import parse
from skillray.curriculum import CURRICULA
from skillray.errors import ConfigError
from skillray.loop.asked import is_asked, longest_task, tasks_of
from skillray.loop.preflight import preflight
from skillray.teacher.tasks import Task
from tests.tiny import save_tiny_student

PLAIN: dict[str, Any] = {"name": "r", "students": [{"name": "a", "curriculum": {"type": "uniform"}}]}


def staged(**stage: Any) -> dict[str, Any]:
    return PLAIN | {"students": [{"name": "a", "stages": [{"training": {"epochs": 9}} | stage]}]}


def test_each_config_asks_for_its_own() -> None:
    plain = parse(PLAIN, "c")
    assert tasks_of(plain) == set() and longest_task(plain, plain.teacher) is None
    sel = parse(staged(curriculum={"type": "stat-sel"}) | {"teacher": {"type": "openai", "model": "m"}}, "c")
    assert tasks_of(sel) == {Task.NAME_MISSING_SKILLS}
    assert is_asked(sel, sel.teacher) and not is_asked(plain, plain.teacher)
    assert longest_task(sel, sel.teacher) == (Task.NAME_MISSING_SKILLS, 1024)
    rewritten = parse(staged(curriculum={"type": "uniform", "answers": {"source": "rewrites"}}), "c")
    assert tasks_of(rewritten) == {Task.SOLVE}
    edited = parse(staged(curriculum={"type": "uniform"}, dynamics={}), "c")
    assert tasks_of(edited) == {Task.WRITE_QUESTIONS, Task.COMPOSE, Task.SOLVE}
    measured = parse(staged(curriculum={"type": "uniform"}, dynamics={"actions": []}), "c")
    assert tasks_of(measured) == set()


def test_each_teacher_has_the_longest_of_its_own_tasks() -> None:
    small, large = (
        {"type": "openai", "model": "small"},
        {"type": "openai", "model": "large", "max_tokens": {"solve": 9000}},
    )
    by_task = [{"tasks": ["solve"], "teacher": large}]
    config = staged(curriculum={"type": "stat-syn"}) | {"teacher": small, "teacher_by_task": by_task}
    run = parse(config, "c")
    assert [longest_task(run, teacher) for teacher in run.teachers] == [
        (Task.WRITE_QUESTIONS, 4096),
        (Task.SOLVE, 9000),
    ]
    with pytest.raises(ConfigError, match="teacher_by_task: solve stands twice; give each task to one teacher"):
        parse(config | {"teacher_by_task": [*by_task, *by_task]}, "c")


ASKED = {
    "augment": {Task.SOLVE},
    "embed-syn": {Task.WRITE_QUESTIONS, Task.SOLVE},
    "stat-syn": {Task.WRITE_QUESTIONS, Task.SOLVE},
    "textbooks": {Task.WRITE_TEXTBOOK},
    "sws": {Task.WRITE_EXERCISES, Task.GRADE, Task.SOLVE},
    "exercises": {Task.WRITE_EXERCISES, Task.LABEL_SKILLS, Task.SOLVE},
}


@pytest.mark.parametrize("name", CURRICULA)
def test_every_method_asks_for_its_own_tasks(name: str) -> None:
    asked = tasks_of(parse(staged(curriculum={"type": name}) | {"embedding": {"model": "embedded"}}, "c"))
    assert asked - {Task.NAME_MISSING_SKILLS} == ASKED.get(name, set())
    assert CURRICULA[name]().writes == (name in ASKED)


def test_a_teacher_whose_context_is_too_short_for_an_answer_is_refused(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("skillray.loop.preflight.find_spec", lambda name: True)  # vllm, where it is not installed
    model = save_tiny_student(tmp_path / "teacher")
    config = staged(curriculum={"type": "textbooks"}) | {"teacher": {"type": "vllm", "model": model}}
    with pytest.raises(ConfigError, match=r"has room for \d+ tokens, and write_textbook may write 4096 after a prompt"):
        preflight(parse(config, "c"))
    config["teacher"] |= {"model": save_tiny_student(tmp_path / "long", positions=8192), "max_model_len": 4096}
    with pytest.raises(ConfigError, match=r"has room for 4096 tokens"):
        preflight(parse(config, "c"))
    config["teacher"]["max_model_len"] = 8192
    preflight(parse(config, "c"))
    config["teacher"]["max_model_len"] = 8193
    with pytest.raises(
        ConfigError, match=r"^teacher.max_model_len is 8193, and .*long has room for 8192 tokens; lower it$"
    ):
        preflight(parse(config, "c"))
