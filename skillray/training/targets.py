"""The layers of a model that get an adapter: `training.lora.target_modules` as a list of its own module names."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import Any

from skillray.errors import ConfigError

ALL_LINEAR = "all-linear"
"""PEFT's word for every linear layer but the head: attention and MLP projections, whatever a family calls them."""
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)
MAX_SHOWN = 20
"""Most names of layers in a message."""


def target_names(model: Any, targets: Sequence[str], where: str) -> list[str]:
    """The modules of `model` that `targets` mean: ends of their names where these are unique to them, else whole names.

    An entry is the end of a module's name ('q_proj', 'self_attn.q_proj'), a regular expression for the whole name, or
    'all-linear'. The rule for plain names and for expressions is PEFT's own.

    Raises:
        ConfigError: an entry means no module, or one that cannot get an adapter; says the names that there are.
    """
    adaptable = _adaptable(model)
    linear = _linear(model, adaptable)
    chosen: set[str] = set()
    for target in targets:
        matches = linear if target == ALL_LINEAR else _matches(model, target)
        if not matches or not set(matches) <= set(adaptable):
            raise ConfigError(
                f"training.lora.target_modules: {where} has no layer {target!r} that can get an adapter; it has "
                f"{_shown(linear)}; or leave it out for all of them"
            )
        chosen |= set(matches)
    return short_names(model, chosen)


def short_names(model: Any, chosen: Set[str]) -> list[str]:
    """The last parts of the names of modules, where no other module of `model` ends with one of them; else `chosen`."""
    ends = {_end(name) for name in chosen}
    others = any(_end(name) in ends for name, _ in model.named_modules() if name not in chosen)
    return sorted(chosen if others else ends)


def of_head_or_embedding(model: Any, names: Sequence[str]) -> list[str]:
    """Those of `names`, as `short_names` gives them, that are the head or the embedding of tokens."""
    outer = (model.get_output_embeddings(), model.get_input_embeddings())
    ends = {_end(name) for name, module in model.named_modules() if any(module is other for other in outer)}
    return [name for name in names if _end(name) in ends]


def is_tied(model: Any) -> bool:
    """True where the head and the embedding are one weight."""
    head = model.get_output_embeddings()
    return head is not None and head.weight is model.get_input_embeddings().weight


def _matches(model: Any, target: str) -> list[str]:
    names = [name for name, _ in model.named_modules() if name]
    if _PLAIN.fullmatch(target):
        return [name for name in names if name == target or name.endswith(f".{target}")]
    pattern = re.compile(target)
    return [name for name in names if pattern.fullmatch(name)]


def _adaptable(model: Any) -> list[str]:
    """Modules of the kinds that a LoRA of PEFT can stand beside in a language model."""
    import torch
    from transformers.pytorch_utils import Conv1D

    kinds = (torch.nn.Linear, Conv1D, torch.nn.Embedding)
    return [name for name, module in model.named_modules() if isinstance(module, kinds)]


def _linear(model: Any, adaptable: list[str]) -> list[str]:
    """The linear layers of the part that reads and writes text, without the head and towers of other modalities."""
    import torch

    modules, head = dict(model.named_modules()), model.get_output_embeddings()
    decoder = {id(module) for module in model.get_decoder().modules()}
    return [
        name
        for name in adaptable
        if id(modules[name]) in decoder
        and modules[name] is not head
        and not isinstance(modules[name], torch.nn.Embedding)
    ]


def _end(name: str) -> str:
    return name.rpartition(".")[2]


def _shown(names: list[str]) -> str:
    """Each kind of layer once, by the last part of its name."""
    last = list(dict.fromkeys(_end(name) for name in names))
    return ", ".join(last[:MAX_SHOWN]) or "none"
