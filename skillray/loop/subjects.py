"""Vocabularies by subject: where questions come from several subjects, every subject has skills of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from skillray.errors import DataError
from skillray.skills.graph import SkillGraph, in_subject

Row = dict[str, Any]


def by_subject(splits: Mapping[str, list[Row]]) -> tuple[dict[str, list[Row]], SkillGraph]:
    """The rows with their skills named SUBJECT/SKILL, and the vocabulary: all that the rows' labels name.

    With one subject, or none, there is one list for all questions and names stay as they are. With several, as in
    MATH, a missing skill can only be filled from its own subject: STAT's Skill-Map and label lists are per subject
    (arXiv 2510.10023, C.3.1).

    Raises:
        DataError: some questions have a subject and others have none, so that those could be labelled with nothing.
    """
    rows = [row for split in splits.values() for row in split]
    if len({row["subject"] for row in rows if row["subject"]}) < 2:
        return dict(splits), SkillGraph.flat(_skills(rows))
    for split, some in splits.items():
        if bare := next((row for row in some if not row["subject"]), None):
            raise DataError(
                f"data: a question of the {split} split has no subject ({bare['question'][:40]!r}) and others have "
                "one; give every question its subject, or none"
            )
    named = {split: [_named(row) for row in some] for split, some in splits.items()}
    subjects = {skill: row["subject"] for some in named.values() for row in some for skill in row["skills"]}
    return named, SkillGraph.flat(sorted(subjects), subjects)


def _named(row: Row) -> Row:
    return row | {"skills": [in_subject(skill, row["subject"]) for skill in row["skills"]]}


def _skills(rows: Iterable[Row]) -> list[str]:
    return sorted({skill for row in rows for skill in row["skills"]})
