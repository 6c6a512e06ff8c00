"""Process reward models from Hugging Face folders, for the kinds of `grading.prm`."""

from __future__ import annotations

import os
from typing import Any

from skillray.errors import ConfigError, DataError
from skillray.grading.prm import BAD, GOOD, ChatPrm, Prm, TagPrm, TokenPrm, encode, token_id
from skillray.grading.prm_model import PrmModel
from skillray.training.checkpoint import load_body, load_model, load_tokenizer, resolve_model

NEURAL = (ChatPrm, TagPrm, TokenPrm)


def open_prm(settings: Prm, device: str) -> PrmModel:
    """Load it. `DataError` or `ConfigError` with one line for a folder that is no such model."""
    folder = resolve_model(settings.source)
    tokenizer = load_tokenizer(folder)
    encode(settings, tokenizer, "1+1=?", ["2"])  # refuses a tokenizer that does not fit, before any weight is read
    if isinstance(settings, TokenPrm):
        body, head = _with_classes(folder, settings)
    else:
        model = load_model(folder, settings.dtype)
        body, head = model.get_decoder(), with_words(model, tokenizer)
    body, head = body.to(device).eval(), head.to(device).eval()
    return PrmModel(settings, tokenizer, body, head, int(body.config.max_position_embeddings))


def with_words(model: Any, tokenizer: Any) -> Any:
    """The rows of a language model's head for - and +."""
    import torch

    words = model.get_output_embeddings()
    chosen = [token_id(tokenizer, BAD), token_id(tokenizer, GOOD)]
    head = torch.nn.Linear(words.in_features, 2, bias=words.bias is not None, dtype=words.weight.dtype)
    with torch.no_grad():
        head.weight.copy_(words.weight[chosen])
        if words.bias is not None:
            head.bias.copy_(words.bias[chosen])
    return head


def _with_classes(folder: str, settings: TokenPrm) -> tuple[Any, Any]:
    """Qwen2.5-Math-PRM's weights without its code: a Qwen2, and a head of two layers (`score.0`, `score.2`)."""
    import torch

    dtype = torch.float32 if settings.dtype == "fp32" else torch.bfloat16
    body = load_body(folder, settings.dtype, bidirectional=False)
    weights = _tensors(folder, "score.")
    try:
        first, last = weights["score.0.weight"], weights["score.2.weight"]
        head = torch.nn.Sequential(
            torch.nn.Linear(first.shape[1], first.shape[0], dtype=dtype),
            torch.nn.ReLU(),
            torch.nn.Linear(last.shape[1], last.shape[0], dtype=dtype),
        )
        head.load_state_dict({name.removeprefix("score."): tensor.to(dtype) for name, tensor in weights.items()})
    except (KeyError, RuntimeError) as error:
        raise DataError(f"model {folder} has no head with two classes a token (score.0, score.2): {error}") from None
    if last.shape[0] != 2:
        raise ConfigError(f"model {folder}: its head tells {last.shape[0]} classes, a process reward model 2")
    return body, head


def _tensors(folder: str, prefix: str) -> dict[str, Any]:
    from safetensors import safe_open

    found: dict[str, Any] = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            with safe_open(os.path.join(folder, name), framework="pt") as file:
                found |= {key: file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118
    return found
