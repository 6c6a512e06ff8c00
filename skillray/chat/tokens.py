"""Texts to tokens as a student's tokenizer makes them of chats: nothing is added, cut or padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skillray.errors import ConfigError


def token_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """A call of the tokenizer without special tokens, at half its price: masks and offsets are not made."""
    backend = _plain_backend(tokenizer)
    if backend is None:
        return list(tokenizer(list(texts), add_special_tokens=False)["input_ids"])
    return [encoding.ids for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)]


def first_token_behind(tokenizer: Any, text: str, characters: int) -> int:
    """The place of the first token of `text` that holds something of it behind its first `characters`.

    Raises:
        ConfigError: a tokenizer written in Python does not say which characters a token holds.
    """
    backend = _plain_backend(tokenizer)
    if backend is None:
        raise ConfigError(
            f"students.model: the tokenizer of {name_of(tokenizer)} joins the end of a prompt and the beginning of an "
            "answer in one token, and it is no fast one (tokenizer.json) that says which; convert it"
        )
    ends = [end for _, end in backend.encode(text, add_special_tokens=False).offsets]
    return next((place for place, end in enumerate(ends) if end > characters), len(ends))


def name_of(tokenizer: Any) -> str:
    return str(tokenizer.name_or_path or "the tokenizer")


def _plain_backend(tokenizer: Any) -> Any:
    """The tokenizer in Rust, which neither cuts nor pads whatever its file says; None for one written in Python."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()
    return backend
