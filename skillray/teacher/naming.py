"""Names in a teacher's reply, in the forms that models use for a list of them: texts, objects, keys, one text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skillray.skills.names import normalised
from skillray.teacher.fields import clean, field_of

_APART = re.compile(r"[,;\n|]| and | & ")
_ASIDE = re.compile(r":| [-–—] | ?\(")
"""What begins a remark behind a name."""
_NUMBER = re.compile(r"^\s*\(?\d{1,2}[.):]\s+")
_NO_NAME = frozenset({"none", "n a", "na", "null", "nothing", "no skill", "no skills", "no missing skills", "unknown"})
_REFUSED = (False, 0, None)
_SAID_NO = frozenset({"no", "false", "0", "not needed", "not missing"})


def names_of(value: Any) -> list[str] | None:
    """Names as they stand, none for null; None where something else stands among them.

    An object is its name, or where it has none of a name's keys a name for each key that is not denied.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [text] if (text := clean(value)) and normalised(text) not in _NO_NAME else []
    if isinstance(value, dict):
        if (name := field_of(value, "name")) is not None:
            return names_of(name)
        return [clean(key) for key, said in value.items() if not _is_denied(said)]
    if not isinstance(value, list):
        return None
    parts = [names_of(item) for item in value]
    return None if None in parts else [name for part in parts for name in part or ()]


def known_names(value: Any, allowed: Sequence[str]) -> list[str] | None:
    """Those of `allowed` that `value` names, each once, in the order of naming; None where it holds no names."""
    names = names_of(value)
    if names is None:
        return None
    by_name = by_spelling(allowed)
    known = [skill for name in names for skill in _matches(name, by_name)]
    if not known and isinstance(value, dict):  # an object that sorts its names: {"main": "sums", "others": [...]}
        known = [skill for name in names_of(list(value.values())) or () for skill in _matches(name, by_name)]
    return list(dict.fromkeys(known))


def by_spelling(allowed: Sequence[str]) -> dict[str, str]:
    """Normalised spelling -> skill. SUBJECT/SKILL may be named without its subject where that is one skill."""
    bare: dict[str, list[str]] = {}
    for skill in allowed:
        if "/" in skill:
            bare.setdefault(normalised(skill.partition("/")[2]), []).append(skill)
    short = {name: skills[0] for name, skills in bare.items() if len(skills) == 1}
    return short | {normalised(skill): skill for skill in allowed}


def described(value: Any) -> tuple[str, str]:
    """(name, what is said of it); "" for what is not there."""
    if isinstance(value, str):
        name, _, said = value.partition(": ")
        return clean(name), clean(said)
    if not isinstance(value, dict):
        return "", ""
    names = names_of(field_of(value, "name")) or [""]
    return names[0], clean(field_of(value, "said"))


def _matches(text: str, by_name: Mapping[str, str]) -> Iterator[str]:
    """The whole text if it is a name, else without a remark, else each of its parts."""
    text = _NUMBER.sub("", text)
    for whole in (text, _ASIDE.split(text)[0]):
        if (key := normalised(whole)) in by_name:
            yield by_name[key]
            return
    for part in _APART.split(text):
        for whole in (part, _ASIDE.split(part)[0]):
            if (key := normalised(whole)) in by_name:
                yield by_name[key]
                break


def _is_denied(said: Any) -> bool:
    return said in _REFUSED or (isinstance(said, str) and normalised(said) in _SAID_NO)
