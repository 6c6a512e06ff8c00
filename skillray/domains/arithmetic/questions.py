"""Sets of distinct questions, drawn from one split."""

from __future__ import annotations

import random
from collections.abc import Sequence

from skillray.domains.arithmetic.domain import ARITHMETIC
from skillray.domains.arithmetic.split import SPLITS, split_of
from skillray.errors import DataError
from skillray.types import Question, seed_for

_MAX_MISSES = 20_000
"""Draws in a row that brought nothing new, after which a skill counts as exhausted."""


def make_questions(
    split: str, per_skill: int, seed: int, skills: Sequence[str] | None = None, levels: Sequence[int] = (1, 2, 3)
) -> list[Question]:
    """`per_skill` distinct questions of `split` for each main skill, levels in turn; a function of its arguments."""
    if split not in SPLITS:
        raise DataError(f"arithmetic questions: split must be one of {', '.join(SPLITS)}, not {split!r}")
    made: list[Question] = []
    for skill in skills if skills is not None else ARITHMETIC.skills_of():
        made.extend(_of_skill(split, per_skill, seed, skill, levels))
    return made


def _of_skill(split: str, per_skill: int, seed: int, skill: str, levels: Sequence[int]) -> list[Question]:
    """`per_skill` distinct questions whose main skill is `skill`; `DataError` where the split holds fewer."""
    rng = random.Random(seed_for("arithmetic-questions", split, seed, skill))
    questions: dict[bytes, Question] = {}
    misses = 0
    while len(questions) < per_skill:
        # The level advances with every draw: a level that runs out leaves its share to the others.
        question = ARITHMETIC.generate(skill, levels[(len(questions) + misses) % len(levels)], rng)
        if question.question_id in questions or split_of(question.question_id) != split:
            misses += 1
        else:
            questions[question.question_id] = question
            misses = 0
        if misses > _MAX_MISSES:
            raise DataError(
                f"arithmetic questions: {skill} has only {len(questions)} distinct questions in {split}, "
                f"{per_skill} wanted; lower per_skill"
            )
    return list(questions.values())
