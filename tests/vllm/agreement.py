"""What transformers answers, and where it is so unsure that another engine may answer otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skillray.chat.render import open_format, stop_tokens
from skillray.loop.roll_out import as_answer
from skillray.training.checkpoint import load_model, load_tokenizer, whole_folder

TIE = 1e-3
"""Logits. The two engines round differently; where the best two tokens are nearer than this, either may win."""


@dataclass(frozen=True)
class Expected:
    prompt: list[int]
    tokens: list[int]
    """The stop token included."""
    text: str
    tie: int | None
    """Place of the first token that a rounding could change."""


def by_transformers(model: str, questions: Sequence[str], max_new_tokens: int) -> list[Expected]:
    """Greedy, in fp32, one question at a time."""
    import torch

    form, loaded = open_format(load_tokenizer(model)), load_model(model).eval()
    found, stops = [], stop_tokens(form, whole_folder(model))
    for prompt in form.prompt_ids(questions):
        with torch.inference_mode():
            output = loaded.generate(
                input_ids=torch.tensor([prompt]),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=sorted(stops),
                pad_token_id=0,
                output_logits=True,
                return_dict_in_generate=True,
            )
        values = torch.stack(output.logits)[:, 0].topk(2).values
        near = (values[:, 0] - values[:, 1] < TIE).nonzero().flatten().tolist()
        tokens = output.sequences[0, len(prompt) :].tolist()
        text = as_answer(form, stops, tokens)["response"]
        found.append(Expected(prompt, tokens, text, near[0] if near else None))
    return found


def assert_same(texts: Sequence[str], expected: Sequence[Expected]) -> None:
    """Every answer without a tie; where many have one nothing was compared, for answers have some twenty tokens."""
    assert len(texts) == len(expected)
    sure = [(text, one.text) for text, one in zip(texts, expected, strict=True) if one.tie is None]
    assert len(sure) > 0.75 * len(texts)
    for text, wanted in sure:
        assert text == wanted
