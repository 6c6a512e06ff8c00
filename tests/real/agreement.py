"""Two ways to let a model answer write the same, but where its best two tokens are as good as equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TIE = 0.5
"""Logits. In bf16 a logit of 16 to 32 is a multiple of 1/8; each engine adds up in another order."""
EQUAL = 0.5
"""Share of answers that must be equal to the last token: else too much is put down to ties."""


@dataclass(frozen=True)
class Answer:
    text: str
    num_tokens: int
    """The stop token included."""
    finished: bool


def answers_in(rows: Sequence[dict[str, Any]]) -> list[Answer]:
    """Of rollouts, sorted by question."""
    ordered = sorted(rows, key=lambda row: (row["question_id"], row["sample"]))
    return [Answer(row["response"], row["num_tokens"], row["finished"]) for row in ordered]


def assert_same_but_for_ties(
    some: Sequence[Answer], others: Sequence[Answer], prompts: Sequence[list[int]], model: Any, tokenizer: Any
) -> int:
    """How many of the pairs are equal; `model` says where they may part."""
    assert len(some) == len(others) == len(prompts)
    pairs = list(zip(some, others, prompts, strict=True))
    equal = sum(one.text == other.text for one, other, _ in pairs)
    assert equal >= EQUAL * len(pairs), f"{equal} of {len(pairs)} are equal"
    for one, other, prompt in pairs:
        if one.text == other.text:
            assert (one.num_tokens, one.finished) == (other.num_tokens, other.finished), one.text
        else:
            gap = _gap_where_they_part(one, other, prompt, model, tokenizer)
            assert gap < TIE, (gap, one.text, other.text)
    return equal


def _gap_where_they_part(one: Answer, other: Answer, prompt: list[int], model: Any, tokenizer: Any) -> float:
    """Logits from the best token to the second best, where `other` first has another token than `one`."""
    import torch

    tokens = tokenizer.encode(one.text, add_special_tokens=False)
    ends = range(1, len(tokens) + 1)
    same = [other.text.startswith(tokenizer.decode(tokens[:end]).strip()) for end in ends]
    parting = same.index(False) if False in same else len(tokens)  # else `one` ended, and `other` goes on
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + tokens[:parting]])).logits[0, -1].float()
    best, second = logits.topk(2).values.tolist()
    return best - second
