"""Does a diagnosis mean anything? What its tables say against it, before anything is trained on it.

All bounds are ours, with their reasons; nothing is stopped for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

MIN_QUESTIONS = 20
"""Below it no share says anything: 20 of 20 difficult questions leave a true share of 86% possible (at 95%)."""
NEARLY_ALL = 0.97
"""Difficult questions. STAT's filter calls up to 94.0% difficult, of Llama-3.2-1B (arXiv 2510.10023, table 8): above it
there is nothing left to tell them from."""
NEARLY_NONE = 0.02
"""Difficult questions, where at least `SOME_WRONG` are answered wrong: the filter passes what the student cannot do."""
SOME_WRONG = 0.1
MOST_RIGHT = 0.5
"""Right answers that are called difficult. The 78/70/92 of STAT's filter (accuracy, precision, recall, the same table)
come to 34% of the right ones."""
READ = 0.5
"""Lines that work with figures which a step scorer could check: below it, most of what was written is not judged."""
FLAT = 2 / 3
"""Namings that the more often named half of the skills has. Were all skills missing alike, chance alone would give it
61% of 216 namings of 18 skills; half of the skills missing twice as often as the others gives 67%."""
MIN_SKILLS = 6
"""With fewer, halves are of one or two skills."""
OUTCOME = "grading.scorer {type: outcome} judges by the final answer alone"


def filter_doubts(graded: pa.Table) -> Iterator[str]:
    """What is wrong with a reward filter. `graded`: judged, difficult and correct of the profile questions."""
    judged = graded.filter(graded["judged"])
    total = judged.num_rows
    if total < MIN_QUESTIONS:
        return
    difficult, right = _count(judged["difficult"]), _count(judged["correct"])
    hard_right = _count(pc.and_(judged["difficult"], judged["correct"]))
    said = f"the filter calls {difficult} of {total} profile questions difficult"
    if hard_right > MOST_RIGHT * right and right >= MIN_QUESTIONS:
        yield (
            f"{said}, and among them {hard_right} of the {right} that are answered right (told above "
            f"{MOST_RIGHT:.0%}): look at step_texts in graded/; {OUTCOME}"
        )
    elif difficult >= NEARLY_ALL * total:
        yield (
            f"{said} (told from {NEARLY_ALL:.0%} on): the profile is that of the whole set, and nothing is chosen by "
            "it; raise rollout.samples, lower the filter's thresholds, or ask easier questions"
        )
    if difficult <= NEARLY_NONE * total and total - right >= SOME_WRONG * total:
        yield (
            f"{said}, though {total - right} are answered wrong (told up to {NEARLY_NONE:.0%}): raise the filter's "
            f"thresholds, or use another scorer; {OUTCOME}"
        )


def unread_doubt(graded: pa.Table) -> str | None:
    """Whether a step scorer understood too little. `graded`: step_scores and unread_steps, a row an answer."""
    steps = steps_of(graded)
    if steps is None or graded.num_rows < MIN_QUESTIONS:
        return None
    read, unread = steps
    if read >= READ * (read + unread):
        return None
    return (
        f"the step scorer could check {read} of {read + unread} written steps ({read / (read + unread):.0%}; told "
        f"below {READ:.0%}): its scores say little of these answers; {OUTCOME}"
    )


def steps_of(graded: pa.Table) -> tuple[int, int] | None:
    """(checked, unread) worked lines of all answers, the final answers aside; None for a scorer that reads any text, or
    where nothing was written."""
    rows = graded.filter(pc.is_valid(graded["unread_steps"]))
    unread = pc.sum(rows["unread_steps"]).as_py() or 0
    scored = pc.subtract(pc.list_value_length(rows["step_scores"]), 1)  # the last one is the answer's
    read = pc.sum(pc.max_element_wise(scored, 0)).as_py() or 0
    return (read, unread) if read + unread else None


def flat_doubt(counts: Mapping[str, int], skills: Sequence[str], num_difficult: int) -> str | None:
    """Whether all skills are missing alike.

    Args:
        counts: skill -> difficult questions that lack it.
        skills: the vocabulary, skills that nobody lacks included.
    """
    total = sum(counts.values())
    if len(skills) < MIN_SKILLS or num_difficult < MIN_QUESTIONS or total < len(skills):
        return None
    ordered = sorted((counts.get(skill, 0) for skill in skills), reverse=True)
    half, odd = divmod(len(ordered), 2)
    upper = sum(ordered[:half]) + odd * ordered[half] / 2
    if upper >= FLAT * total:
        return None
    return (
        f"the profile is flat: the more often named half of {len(skills)} skills has {upper / total:.0%} of {total} "
        f"namings (told below {FLAT:.0%}), so that training on it is training on everything; "
        "check the teacher and the filter, or train `uniform`"
    )


def _count(mask: pa.ChunkedArray) -> int:
    return pc.sum(mask).as_py() or 0
