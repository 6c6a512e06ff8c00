"""A student of transformers answers: when it stops, by which distribution, and that its files decide neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skillray.chat.prompt import StudentPrompt
from skillray.domains.arithmetic import ARITHMETIC, STUDENT_FOLDER
from skillray.grading.answers import Verdict, grade_answer
from skillray.loop.roll_out import RollOut
from tests.tiny import TEMPLATE, save_tiny_student
from tests.unit.chat import templates
from tests.unit.chat.templates import tokenizer_with

QUESTIONS = ARITHMETIC.questions("held_out", 2, seed=0)


def answers(model: str, questions: list[str] | None = None, **settings: Any) -> list[dict[str, Any]]:
    texts = [q.question for q in QUESTIONS] if questions is None else questions
    stage = RollOut(**{"model": model, "samples": 1, "max_new_tokens": 64, "threads": 1, "seed": 0, **settings})
    table = pa.table({"question_id": [bytes([n]) * 16 for n in range(len(texts))], "question": texts})
    return stage.open()(table).to_pylist()


def embedded_with(folder: Path, settings: dict[str, Any], tokens: dict[str, Any] | None = None) -> str:
    """The embedded student under other settings: its files, linked, and its generation_config.json changed."""
    for path in Path(STUDENT_FOLDER).iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    for name, changed in (("generation_config.json", settings), ("tokenizer_config.json", tokens or {})):
        path = folder / name
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | changed))
    return str(folder)


@pytest.fixture(scope="module")
def usual() -> list[str]:
    return [row["response"] for row in answers("embedded")]


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.5},
        {"no_repeat_ngram_size": 2, "encoder_no_repeat_ngram_size": 2},
        {"min_new_tokens": 40},
        {"num_beams": 2, "length_penalty": 0.5, "early_stopping": True},
        {"stop_strings": ["#"]},
        {"suppress_tokens": [15, 16], "begin_suppress_tokens": [12, 13]},
        {"forced_bos_token_id": 9, "forced_eos_token_id": 9},
        {"bad_words_ids": [[14]], "sequence_bias": [[[13], -50.0]]},
        {"guidance_scale": 2.0, "renormalize_logits": True},
        {"max_length": 3, "max_time": 0.001},
        {"do_sample": True, "temperature": 5.0, "top_k": 3, "top_p": 0.2, "typical_p": 0.1, "epsilon_cutoff": 0.1},
        {"penalty_alpha": 0.6, "exponential_decay_length_penalty": [1, 9.0]},
        {"cache_implementation": "static", "prompt_lookup_num_tokens": 3},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_nothing_of_the_models_own_sampling_is_in_force(
    settings: dict[str, Any], usual: list[str], tmp_path: Path
) -> None:
    assert [row["response"] for row in answers(embedded_with(tmp_path, settings))] == usual


def test_a_turn_ends_where_the_template_ends_it(usual: list[str], tmp_path: Path) -> None:
    model = embedded_with(tmp_path, {}, {"eos_token": "<|pad|>"})
    rows = answers(model)
    assert [row["response"] for row in rows] == usual and all(row["finished"] for row in rows)
    right = [grade_answer(row["response"], q.answer) is Verdict.CORRECT for row, q in zip(rows, QUESTIONS, strict=True)]
    assert sum(right) > len(right) / 2


def test_a_student_without_eos_and_pad_answers(tmp_path: Path) -> None:
    model = save_tiny_student(tmp_path)
    tokenizer_with(TEMPLATE, eos_token=None, pad_token=None).save_pretrained(tmp_path)
    rows = answers(model, ["1+1?", "What is twelve times eleven?"], max_new_tokens=4)
    assert all(row["num_tokens"] <= 4 for row in rows)


def test_a_sample_is_of_the_whole_distribution(tmp_path: Path) -> None:
    """At a temperature of 10,000 all of 260 tokens are nearly as likely; transformers' own top_k would leave 50."""
    model = save_tiny_student(tmp_path)
    first = answers(model, ["1+1?"], samples=600, temperature=10_000.0, max_new_tokens=1)
    assert len({row["response"] for row in first}) > 100
    few = answers(model, ["1+1?"], samples=600, temperature=10_000.0, max_new_tokens=1, top_k=5)
    assert 1 < len({row["response"] for row in few}) <= 5


def test_a_sample_does_not_depend_on_what_is_answered_beside_it(tmp_path: Path) -> None:
    model = save_tiny_student(tmp_path)
    hot = {"temperature": 1.0, "max_new_tokens": 8, "repetition_penalty": 1.3, "frequency_penalty": 0.2}
    together = answers(model, ["1+1?", "What is twelve times eleven, in words?"], **hot)
    assert answers(model, ["1+1?"], **hot)[0]["response"] == together[0]["response"]


def test_the_prompt_is_what_the_student_reads(tmp_path: Path, usual: list[str]) -> None:
    asked = answers("embedded", prompt=StudentPrompt(suffix=" Say how."))
    assert [row["response"] for row in asked] != usual
    model = save_tiny_student(tmp_path)
    tokenizer_with(templates.R1).save_pretrained(tmp_path)
    assert answers(model, ["1+1?"], max_new_tokens=2)[0]["response"].startswith("<think>")


def test_every_token_is_told_while_it_is_written() -> None:
    told: list[tuple[int, int]] = []
    stage = RollOut(model="embedded", samples=1, max_new_tokens=64, threads=1, seed=0)
    table = pa.table({"question_id": [q.question_id for q in QUESTIONS], "question": [q.question for q in QUESTIONS]})
    rows = stage.open(lambda answers, tokens: told.append((answers, tokens)))(table).to_pylist()
    assert sum(tokens for _, tokens in told) == sum(row["num_tokens"] for row in rows)
    assert sum(ended for ended, _ in told) == sum(row["finished"] for row in rows)
    assert len(told) == max(row["num_tokens"] for row in rows)
