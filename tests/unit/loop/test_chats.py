"""What is said of students' chats before Ray starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.errors import ConfigError, DataError
from skillray.loop.chats import chat_notes, refuse_long_prompts, rehearse_chats
from tests.tiny import save_tiny_student
from tests.unit.chat import templates
from tests.unit.chat.templates import tokenizer_with


def config_of(model: str, **fields: Any) -> Any:
    students = [{"name": "a", "model": model, "curriculum": {"type": "uniform"}}]
    return parse({"name": "r", "students": students, **fields}, "test")


def test_the_template_of_every_prompt_is_rendered(tmp_path: Path) -> None:
    model = save_tiny_student(tmp_path)
    tokenizer_with(templates.GEMMA).save_pretrained(tmp_path)
    rehearse_chats(config_of(model))
    with pytest.raises(ConfigError, match=r"no system turns here.*leave out rollout\.prompt\.system"):
        rehearse_chats(config_of(model, rollout={"prompt": {"system": "Be brief."}}))
    with pytest.raises(ConfigError, match=r"prompt\.template\.date_string: .* reads no such argument"):
        rehearse_chats(config_of("embedded", rollout={"prompt": {"template": {"date_string": "x"}}}))


def test_prompts_must_leave_room_for_an_answer(tmp_path: Path) -> None:
    """A byte is a token here; "<|user|>", the question, "<|assistant|>" are two more."""
    model = save_tiny_student(tmp_path, positions=64)
    questions = ["x" * 20, "y" * 30]
    refuse_long_prompts(config_of(model, rollout={"max_new_tokens": 32}), questions)
    with pytest.raises(ConfigError, match=r"room for 64 tokens, the longest question has 32 .* lower it to 32"):
        refuse_long_prompts(config_of(model, rollout={"max_new_tokens": 33}), questions)
    asked = {"max_new_tokens": 1, "prompt": {"suffix": "z" * 32}}
    with pytest.raises(DataError, match=r"the question 'y{30}'\.\.\. has 64 with its prompt"):
        refuse_long_prompts(config_of(model, rollout=asked), questions)


def test_an_end_of_turn_that_an_adapter_may_not_learn_is_told(tmp_path: Path) -> None:
    model = save_tiny_student(tmp_path)
    tokenizer_with(templates.CHATML.replace("<|im_end|>", "<|pad|>")).save_pretrained(tmp_path)  # its eos is <|end|>
    [note] = chat_notes(config_of(model, training={"lora": {}}))
    assert "ends a turn with <|pad|>" in note and "\n" not in note
    assert chat_notes(config_of(model)) == []
    assert chat_notes(config_of(model, training={"lora": {"target_modules": ["q_proj", "lm_head"]}})) == []
    assert chat_notes(config_of("embedded", training={"lora": {}})) == []
