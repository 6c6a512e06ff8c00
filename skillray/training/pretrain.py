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
    """Upper bound; the domain's few words may need less."""
    num_steps: int = Field(default=8000, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    num_warmup_steps: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    missing_skills: tuple[str, ...] = (
        "multiplication_in_steps",
        "percentage",
        "two_step_equation",
        "arithmetic_sequence",
    )
    """Skills that the mixture all but leaves out; the others share the rest equally."""
    missing_share: float = Field(default=0.02, gt=0, lt=0.2)
    """Share of each missing skill in the questions drawn."""
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


def draw_question(settings: PretrainSettings, rng: random.Random) -> Question:
    """One question of the unbalanced mixture, never a held-out one."""
    skills = ARITHMETIC.skills_of()
    kept = [skill for skill in skills if skill not in settings.missing_skills]
    rare = rng.random() < settings.missing_share * len(settings.missing_skills)
    skill = rng.choice(settings.missing_skills if rare else kept)
    while True:
        question = ARITHMETIC.generate(skill, rng.randint(1, 3), rng)
        if not is_held_out(question.question_id):
            return question


def pretrain(settings: PretrainSettings) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, int]:
    """Train from scratch; returns the model, its tokenizer and the number of tokens seen (padding not counted)."""
    import torch

    tokenizer = make_tokenizer(settings)
    with _deterministic(settings.threads):
        model = make_model(settings, tokenizer)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        num_tokens = 0
        model.train()
        for step, batch in enumerate(_batches(settings, tokenizer)):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * _schedule(step, settings)
            optimizer.zero_grad(set_to_none=True)
            loss = _loss(model, batch, tokenizer)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            num_tokens += int(batch.ne(tokenizer.pad_token_id).sum())
        model.train(False)
    return model, tokenizer, num_tokens


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


def _batches(settings: PretrainSettings, tokenizer: PreTrainedTokenizerFast) -> Iterator[torch.Tensor]:
    """Right-padded batches of similar length; padding comes after the text, so causal attention needs no mask."""
    import torch

    rng = random.Random(seed_for("student-data", settings.seed))
    left, window = settings.num_steps, 16
    while left > 0:
        drawn = [draw_question(settings, rng) for _ in range(window * settings.batch_size)]
        texts = [f"{USER}{q.question}{ASSISTANT}{q.solution}{END}" for q in drawn]
        rows = sorted(tokenizer(texts, add_special_tokens=False)["input_ids"], key=len)
        batches = [rows[i : i + settings.batch_size] for i in range(0, len(rows), settings.batch_size)]
        rng.shuffle(batches)
        for batch in batches[:left]:
            width = max(map(len, batch))
            yield torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in batch])
        left -= window


def _loss(model: LlamaForCausalLM, batch: torch.Tensor, tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """Mean cross-entropy of the replies; logits are made only where they are needed."""
    import torch

    assistant = tokenizer.convert_tokens_to_ids(ASSISTANT)
    in_reply = batch.eq(assistant).cumsum(dim=1)[:, :-1].bool() & batch[:, 1:].ne(tokenizer.pad_token_id)
    hidden = model.model(input_ids=batch[:, :-1], use_cache=False).last_hidden_state
    logits = model.lm_head(hidden[in_reply])
    return torch.nn.functional.cross_entropy(logits, batch[:, 1:][in_reply])


def _schedule(step: int, settings: PretrainSettings) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    if step < settings.num_warmup_steps:
        return (step + 1) / settings.num_warmup_steps
    done = (step - settings.num_warmup_steps) / max(1, settings.num_steps - settings.num_warmup_steps)
    return 0.5 * (1 + cos(pi * done))


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
