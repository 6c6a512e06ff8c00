"""One name for one skill: labels of several tables, and of several people, as if one had written them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from skillray.skills.names import key, normalised, written

Row = dict[str, Any]
FEW = 3
"""Names shown in a note."""


def one_spelling(names: Iterable[str], alike: Callable[[str], str] = key) -> dict[str, str]:
    """Each of `names` (once for each use) -> the name by which it goes: the most frequent of those that are alike.

    Of equally frequent ones it is the one that is written as our own names are, then the first in order. That the most
    frequent one is taken is our choice: where all agree already, nothing changes.
    """
    by_key: dict[str, Counter[str]] = {}
    for name in names:
        by_key.setdefault(alike(name) or name, Counter())[name] += 1
    chosen: dict[str, str] = {}
    for uses in by_key.values():
        best = min(uses, key=lambda name: (-uses[name], name != written(name), name))
        chosen |= dict.fromkeys(uses, best)
    return chosen


def spelled_alike(splits: Mapping[str, list[Row]], tell: Callable[[str], None]) -> dict[str, list[Row]]:
    """The rows with one spelling of each skill and subject; `tell` is given a line where there were several.

    Where questions have several subjects, a label that is SUBJECT/SKILL already is the SKILL of its question's subject.
    """
    rows = [row for some in splits.values() for row in some]
    subjects = one_spelling((row["subject"] for row in rows if row["subject"]), normalised)
    if len(set(subjects.values())) > 1:
        splits = {split: [_without_subject(row) for row in some] for split, some in splits.items()}
    skills = one_spelling(skill for some in splits.values() for row in some for skill in row["skills"])
    if others := sorted(name for name, spelling in skills.items() if name != spelling):
        shown = ", ".join(f"{name} is {skills[name]}" for name in others[:FEW])
        tell(f"data: {len(others)} other spellings of skills were made one ({shown}{', …' if others[FEW:] else ''})")
    return {split: [_spelled(row, skills, subjects) for row in some] for split, some in splits.items()}


def _without_subject(row: Row) -> Row:
    skills, subject = [], normalised(row["subject"] or "")
    for skill in row["skills"]:
        prefix, _, name = skill.partition("/")
        skills.append(name if name and normalised(prefix) == subject else skill)
    return row | {"skills": skills}


def _spelled(row: Row, skills: Mapping[str, str], subjects: Mapping[str, str]) -> Row:
    named = list(dict.fromkeys(skills[skill] for skill in row["skills"]))
    return row | {"skills": named, "subject": subjects.get(row["subject"], row["subject"])}
