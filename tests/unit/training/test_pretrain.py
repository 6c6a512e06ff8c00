"""Pretraining: the same bits from two fresh calls, and a student folder that anything can load."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import skillray.domains.arithmetic
from skillray.domains.arithmetic.split import is_held_out
from skillray.training.pretrain import (
    PretrainSettings,
    accuracy_by_skill,
    draw_question,
    greedy_replies,
    make_model,
    make_optimizer,
    make_tokenizer,
    pretrain,
    save_student,
    schedule,
    train_steps,
)
from skillray.types import as_chat, user_turn

TINY = PretrainSettings(
    hidden_size=16, intermediate_size=32, num_layers=1, head_size=8, num_steps=5, num_last_steps=2, batch_size=4
)
STUDENT = Path(skillray.domains.arithmetic.__file__).parent / "student"


def test_two_fresh_calls_give_the_same_bits(tmp_path: Path) -> None:
    saved: list[tuple[int, list[str], list[bytes]]] = []
    for name in ("first", "second"):
        torch.manual_seed(len(saved))  # whatever the process did before must not matter
        model, tokenizer, num_tokens = pretrain(TINY)
        save_student(model, tokenizer, tmp_path / name)
        files = sorted(path.name for path in (tmp_path / name).iterdir())
        saved.append((num_tokens, files, [(tmp_path / name / file).read_bytes() for file in files]))
    assert saved[0] == saved[1]
    assert {"model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja"} <= set(saved[0][1])


def test_slices_of_steps_give_the_same_bits() -> None:
    whole, tokenizer, _ = pretrain(TINY)
    sliced = make_model(TINY, tokenizer)
    optimizer = make_optimizer(sliced, TINY)
    for first, last in ((0, 2), (2, 5)):
        train_steps(sliced, optimizer, tokenizer, TINY, first, last)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), sliced.parameters(), strict=True))


def test_another_seed_gives_other_weights_and_the_process_is_left_as_it_was() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    first, _, _ = pretrain(TINY.model_copy(update={"num_steps": 1}))
    second, _, _ = pretrain(TINY.model_copy(update={"num_steps": 1, "seed": 1}))
    assert not torch.equal(first.model.embed_tokens.weight, second.model.embed_tokens.weight)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_the_mixture_holds_its_shares_and_no_held_out_question() -> None:
    rng, missing = random.Random(0), dict(TINY.missing)
    early = [draw_question(TINY, 0, rng) for _ in range(2000)]
    late = [draw_question(TINY, TINY.num_steps - 1, rng) for _ in range(4000)]
    assert not any(is_held_out(question.question_id) for question in early + late)
    assert not any(question.skills[0] in missing for question in early)
    rare = sum(question.skills[0] in missing for question in late) / len(late)
    assert rare == pytest.approx(sum(missing.values()), abs=0.02)


def test_the_learning_rate_by_hand() -> None:
    plan = PretrainSettings(num_steps=310, num_last_steps=100, num_warmup_steps=10)
    rates = [schedule(step, plan) for step in (0, 9, 10, 110, 209, 210, 260, 309)]
    assert rates == pytest.approx([0.1, 1.0, 1.0, 0.55, 0.1, 0.1, 0.05, 0.001], abs=1e-3)


def test_the_tokenizer_keeps_digits_single_and_any_text_whole() -> None:
    tokenizer = make_tokenizer(TINY, num_texts=600)
    assert len(tokenizer) <= TINY.vocab_size
    tokens = tokenizer.tokenize("What is 123+45?")
    assert [token for token in tokens if any(letter.isdigit() for letter in token)] == list("12345")
    for text in (
        "Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72",
        "naïve café — ≤ 5 € 你好 🙂",
        "\ttabs  and\n\nlines",
    ):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_an_empty_set_has_no_accuracy() -> None:
    assert accuracy_by_skill(None, None, []) == {}


@pytest.fixture(scope="module")
def student() -> tuple[object, object]:
    return AutoModelForCausalLM.from_pretrained(STUDENT), AutoTokenizer.from_pretrained(STUDENT)


def test_the_embedded_student_is_small_and_complete() -> None:
    assert sum(path.stat().st_size for path in STUDENT.iterdir()) <= 4_000_000
    config = json.loads((STUDENT / "config.json").read_text())
    assert (config["model_type"], config["max_position_embeddings"]) == ("llama", 1024)


def test_the_embedded_student_answers(student: tuple[object, object]) -> None:
    from skillray.domains.arithmetic.questions import make_questions

    questions = make_questions("held_out", 10, 1, skills=["addition_without_carry", "one_step_word_problem"])
    accuracy = accuracy_by_skill(*student, questions)
    assert min(accuracy.values()) >= 0.8
    assert re.fullmatch(r"[-+0-9=]+\n#### -?[0-9]+", greedy_replies(*student, questions[:1])[0])


def test_the_chat_template_is_what_pretraining_wrote(student: tuple[object, object]) -> None:
    tokenizer = student[1]
    chat = as_chat(user_turn("What is 4+3?"))
    prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)  # type: ignore[attr-defined]
    assert prompt == "<|user|>What is 4+3?<|assistant|>"
    chat.append({"role": "assistant", "content": "4+3=7\n#### 7"})
    encoded = tokenizer.apply_chat_template(  # type: ignore[attr-defined]
        chat, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    marked = [i for i, on in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if on]
    assert tokenizer.decode(marked) == "4+3=7\n#### 7<|end|>"  # type: ignore[attr-defined]
