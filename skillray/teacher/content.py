"""The content of a chat message: a text, or a list of parts of which some are thoughts."""

from __future__ import annotations

from typing import Any

_TEXT = frozenset({"text", "output_text", ""})
"""Types of parts that are the reply; "" where a server gives none."""


def content_of(content: Any) -> tuple[str, str]:
    """(text of the reply, words with which it was declined); parts of other types, such as thoughts, are left out."""
    if not isinstance(content, list):
        return ("" if content is None else str(content)), ""
    parts = [_as_fields(part) for part in content]
    texts = [_text(part.get("text")) for part in parts if str(part.get("type") or "") in _TEXT]
    declined = [_text(part.get("refusal")) for part in parts if part.get("type") == "refusal"]
    return "".join(texts), " ".join(declined)


def _as_fields(part: Any) -> dict[str, Any]:
    """A part as plain JSON: clients make objects of some, and some services send bare texts."""
    if isinstance(part, str):
        return {"text": part}
    return part if isinstance(part, dict) else dict(vars(part)) if hasattr(part, "__dict__") else {}


def _text(value: Any) -> str:
    """Some services wrap a text once more."""
    if isinstance(value, dict):
        value = value.get("value", value.get("text"))
    return value if isinstance(value, str) else ""
