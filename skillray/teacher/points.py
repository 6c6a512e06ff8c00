"""Points by criterion out of a teacher's reply."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from skillray.skills.names import normalised
from skillray.teacher.fields import field_of

_WORDS = {"1": 1, "true": 1, "yes": 1, "met": 1, "pass": 1, "0": 0, "false": 0, "no": 0, "not met": 0, "fail": 0}
_LIST = re.compile(r"[`\s]*(?:json\s)?(\[\s*[01](?:\s*,\s*[01])*\s*,?\s*\])[`.\s]*|\s*([01](?:\s*,\s*[01])+)\.?\s*")
_LINE = re.compile(r"[\s*-]*(.+?)[\s*]*[:=.][\s*]*([01]|yes|no)[\s*.]*", re.IGNORECASE)
_OF_ONE = re.compile(r"([01])(?:\.0)?\s*(?:/\s*1|out of 1|points?)?", re.IGNORECASE)


def alone_in(text: str) -> Any:
    """Points where a text is nothing else: a list of them, or a line for each criterion. Elsewhere they may be of what
    was graded.
    """
    if (match := _LIST.fullmatch(text)) is not None:
        return match[1] or match[2]
    lines = [_LINE.fullmatch(line) for line in text.splitlines() if line.strip()]
    return {line[1]: line[2] for line in lines if line} if lines and all(lines) else None


def points_of(value: Any, criteria: Sequence[str]) -> list[int] | None:
    """0 or 1 for each criterion, in order; None where one is missing or is neither: a grade with a hole is none."""
    if isinstance(value, str):
        value = value.strip().strip("[]").rstrip(", ").split(",")
    values = [_point(point) for point in _in_order(value, criteria)]
    points = [value for value in values if value is not None]
    return points if len(points) == len(values) == len(criteria) else None


def _in_order(value: Any, criteria: Sequence[str]) -> list[Any]:
    """Points in the order of the criteria: as they stand, or by the words or numbers of the criteria."""
    if isinstance(value, list) and value and all(isinstance(point, dict) for point in value):
        if all(len(point) == 1 and field_of(point, "point") is None for point in value):
            value = [{"name": name, "point": said} for point in value for name, said in point.items()]
        names = [field_of(point, "criterion") for point in value]
        if None in names or len(set(map(str, names))) < len(names):
            return [field_of(point, "point") for point in value] if None in names else []
        value = {str(name): field_of(point, "point") for name, point in zip(names, value, strict=True)}
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, dict):
        return value if isinstance(value, list) else []
    points = {normalised(str(name)).removeprefix("criterion ").strip(): point for name, point in value.items()}
    for keys in ([normalised(one) for one in criteria], [str(number) for number, _ in enumerate(criteria, 1)]):
        if all(key in points for key in keys):
            return [points[key] for key in keys]
    return []


def _point(point: Any) -> int | None:
    if isinstance(point, dict):
        point = field_of(point, "point")
    if isinstance(point, bool | int | float):
        return {0.0: 0, 1.0: 1}.get(float(point))
    text = str(point).strip()
    if match := _OF_ONE.fullmatch(text):
        return int(match[1])
    return _WORDS.get(normalised(text))
