"""Pretraining of the embedded student: a tiny Llama that is saturated on most skills and really misses a few."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import cos, pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from skillray.domains.arithmetic import ARITHMETIC
from skillray.domains.arithmetic.split import is_held_out
from skillray.types import Question, Value, seed_for

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

PAD, END, USER, ASSISTANT, SYSTEM = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"
EVAL_BATCH_SIZE = 300
"""Questions that are answered together."""
WINDOW = 16
"""Steps whose questions are drawn together and batched by length."""
FLOOR = 0.1
"""Share of the learning rate at which the last steps begin."""
WEIGHTS = {
    "addition_with_carry": 2.0,
    "subtraction_without_borrow": 1.5,
    "subtraction_with_borrow": 2.0,
    "single_digit_multiplication": 0.5,
    "division_with_remainder": 2.0,
    "fraction_of_a_number": 0.5,
    "fraction_addition": 2.0,
    "negative_numbers": 2.0,
    "one_step_equation": 1.5,
    "two_step_word_problem": 2.0,
}
"""Skill -> its weight in the mixture, 1 where absent: what learns slowly is drawn more often."""
# Digits stay single, a word takes its space along, and runs of punctuation such as "\n#### " may become one token.
SPLIT_PATTERN = r"[0-9]| ?[A-Za-z]+|[^0-9A-Za-z]+"
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{- '<|assistant|>' -}}{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- '<|' + message['role'] + '|>' + message['content'] -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


class PretrainSettings(Value):
    """Everything that decides the student's weights, besides the machine."""

    hidden_size: int = Field(default=128, ge=8)
    intermediate_size: int = Field(default=384, ge=8)
    num_layers: int = Field(default=4, ge=1)
    head_size: int = Field(default=32, ge=8)
    vocab_size: int = Field(default=512, ge=300)
    """Most entries of the vocabulary; the domain's few words may need fewer."""
    num_steps: int = Field(default=14_800, ge=1)
    num_last_steps: int = Field(default=1800, ge=1)
    """The missing skills are in the mixture of these last steps only; the learning rate falls to nothing in them."""
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    num_warmup_steps: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    missing: tuple[tuple[str, float], ...] = (
        ("multiplication_in_steps", 0.1),
        ("percentage", 0.015),
        ("two_step_equation", 0.025),
        ("arithmetic_sequence", 0.12),
    )
    """The skills the student shall miss, and the share of each in the questions of the last steps."""
    threads: int = Field(default=1, ge=1)
    """Part of the result: float sums depend on it. One is nearly as fast as two at this size, and shares a machine."""
    seed: int = Field(default=0, ge=0)


def make_tokenizer(settings: PretrainSettings, num_texts: int = 6000) -> PreTrainedTokenizerFast:
    """A byte-level BPE over the domain's own texts; any other UTF-8 text falls back to bytes."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        special_tokens=[PAD, END, USER, ASSISTANT, SYSTEM],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(settings, num_texts), trainer)
    tokenizer_class: Any = PreTrainedTokenizerFast
    made: PreTrainedTokenizerFast = tokenizer_class(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM],
        chat_template=CHAT_TEMPLATE,
        model_max_length=1024,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    return made


def draw_question(settings: PretrainSettings, step: int, rng: random.Random) -> Question:
    """One question of the unbalanced mixture at `step`, never a held-out one."""
    skill = _draw_skill(settings, step, rng)
    while True:
        question = ARITHMETIC.generate(skill, rng.randint(1, 3), rng)
        if not is_held_out(question.question_id):
            return question


def pretrain(settings: PretrainSettings) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, int]:
    """Train from scratch; returns the model, its tokenizer and the number of tokens seen (padding not counted)."""
    tokenizer = make_tokenizer(settings)
    model = make_model(settings, tokenizer)
    num_tokens = train_steps(model, make_optimizer(model, settings), tokenizer, settings, 0, settings.num_steps)
    return model, tokenizer, num_tokens


def make_optimizer(model: LlamaForCausalLM, settings: PretrainSettings) -> torch.optim.AdamW:
    import torch

    betas = (0.9, 0.98)
    return torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, betas=betas, weight_decay=settings.weight_decay
    )


def train_steps(
    model: LlamaForCausalLM,
    optimizer: torch.optim.AdamW,
    tokenizer: PreTrainedTokenizerFast,
    settings: PretrainSettings,
    first: int,
    last: int,
) -> int:
    """Train the steps first to last - 1 in place; their data depends on the step alone. Returns the tokens seen."""
    import torch

    num_tokens = 0
    with _deterministic(settings.threads):
        model.train()
        for step, batch in _batches(settings, tokenizer, first, last):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * schedule(step, settings)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(_loss(model, batch, tokenizer))
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            num_tokens += int(batch.ne(tokenizer.pad_token_id).sum())
        model.train(False)
    return num_tokens


def make_model(settings: PretrainSettings, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama with random weights that depend on the settings' seed alone."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    num_heads = settings.hidden_size // settings.head_size
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=num_heads,
        num_key_value_heads=num_heads,
        head_dim=settings.head_size,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed_for("student-weights", settings.seed))
    model_class: Any = LlamaForCausalLM
    model: LlamaForCausalLM = model_class(config)
    model.generation_config.do_sample = False
    model.generation_config.max_new_tokens = 96
    return model


def save_student(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the student as an ordinary HF folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def accuracy_by_skill(model: Any, tokenizer: Any, questions: Sequence[Question]) -> dict[str, float]:
    """Greedy accuracy of the final answer, per main skill."""
    right: dict[str, list[bool]] = {question.skills[0]: [] for question in questions}
    for start in range(0, len(questions), EVAL_BATCH_SIZE):
        part = questions[start : start + EVAL_BATCH_SIZE]
        for question, reply in zip(part, greedy_replies(model, tokenizer, part), strict=True):
            right[question.skills[0]].append(reply.rpartition("#### ")[2].strip() == question.answer)
    return {skill: sum(marks) / len(marks) for skill, marks in right.items()}


def greedy_replies(model: Any, tokenizer: Any, questions: Sequence[Question]) -> list[str]:
    """One greedy reply a question, as one batch."""
    import torch

    prompts = [f"{USER}{question.question}{ASSISTANT}" for question in questions]
    inputs = tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=64, do_sample=False)
    replies: list[str] = tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return replies


def _texts(settings: PretrainSettings, num_texts: int) -> Iterator[str]:
    """Texts for the tokenizer, every skill alike: its words must be known before its arithmetic is."""
    rng = random.Random(seed_for("student-tokenizer", settings.seed))
    skills = ARITHMETIC.skills_of()
    for i in range(num_texts):
        question = ARITHMETIC.generate(skills[i % len(skills)], rng.randint(1, 3), rng)
        yield f"{question.question}"
        yield question.solution


def _draw_skill(settings: PretrainSettings, step: int, rng: random.Random) -> str:
    """The main skill of one question of the mixture at `step`; the missing skills are in the last steps only."""
    missing = dict(settings.missing)
    if step >= settings.num_steps - settings.num_last_steps and rng.random() < sum(missing.values()):
        return rng.choices(list(missing), list(missing.values()))[0]
    kept = [skill for skill in ARITHMETIC.skills_of() if skill not in missing]
    return rng.choices(kept, [WEIGHTS.get(skill, 1.0) for skill in kept])[0]


def _batches(
    settings: PretrainSettings, tokenizer: PreTrainedTokenizerFast, first: int, last: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """(step, token ids [batch_size, length]) of the steps first to last - 1."""
    # Whole windows are drawn, also where training begins inside one: a step's data must not depend on where it began.
    for start in range(first - first % WINDOW, last, WINDOW):
        for step, batch in enumerate(_window(settings, tokenizer, start), start):
            if first <= step < last:
                yield step, batch


def _window(settings: PretrainSettings, tokenizer: PreTrainedTokenizerFast, start: int) -> list[torch.Tensor]:
    """Right-padded batches of similar length; padding comes after the text, so causal attention needs no mask."""
    import torch

    rng = random.Random(seed_for("student-data", settings.seed, start))
    size = settings.batch_size
    drawn = [draw_question(settings, start, rng) for _ in range(WINDOW * size)]
    texts = [f"{USER}{q.question}{ASSISTANT}{q.solution}{END}" for q in drawn]
    rows = sorted(tokenizer(texts, add_special_tokens=False)["input_ids"], key=len)
    batches = [rows[i : i + size] for i in range(0, len(rows), size)]
    rng.shuffle(batches)
    widths = [max(map(len, batch)) for batch in batches]
    return [
        torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in batch])
        for batch, width in zip(batches, widths, strict=True)
    ]


def _loss(model: LlamaForCausalLM, batch: torch.Tensor, tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """Mean cross-entropy of the replies; logits are made only where they are needed."""
    import torch

    assistant = tokenizer.convert_tokens_to_ids(ASSISTANT)
    in_reply = batch.eq(assistant).cumsum(dim=1)[:, :-1].bool() & batch[:, 1:].ne(tokenizer.pad_token_id)
    hidden = model.model(input_ids=batch[:, :-1], use_cache=False).last_hidden_state
    logits = model.lm_head(hidden[in_reply])
    return torch.nn.functional.cross_entropy(logits, batch[:, 1:][in_reply])


def schedule(step: int, settings: PretrainSettings) -> float:
    """Linear warm-up, a cosine down to FLOOR, and a straight line to nothing over the last steps."""
    if step < settings.num_warmup_steps:
        return (step + 1) / settings.num_warmup_steps
    num_main = settings.num_steps - settings.num_last_steps
    if step >= num_main:
        return FLOOR * (settings.num_steps - step) / settings.num_last_steps
    done = (step - settings.num_warmup_steps) / (num_main - settings.num_warmup_steps)
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + cos(pi * done))


@contextmanager
def _deterministic(threads: int) -> Iterator[None]:
    """Fixed threads and deterministic kernels, and the process as it was afterwards."""
    import torch

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
