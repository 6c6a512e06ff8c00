"""Questions without skills are labelled by the teacher, on Ray Data: label, cluster, relabel (`diagnosis.vocabulary`).

Every step is a table or a file that is complete or absent, and every reply is in the log: a killed run goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from skillray.config.model import LabellingSettings, Placement
from skillray.diagnosis.vocabulary import vocabulary_of
from skillray.errors import DataError
from skillray.loop.label import Label, names_by_subject
from skillray.loop.skill_graph import refuse_long_lists, vocabulary
from skillray.on_ray.data import Job, Link
from skillray.on_ray.neighbours import Chain
from skillray.protocols import OpenTeacher
from skillray.skills.graph import SkillGraph
from skillray.store.fence import Fence
from skillray.store.files import exists, read_json
from skillray.store.layout import RunFolder
from skillray.teacher.tasks import Outcome

UNIT_ROWS = 256
"""Questions that a worker asks about at once."""


def label_questions(
    run: RunFolder,
    tables: Mapping[str, pa.Table],
    settings: LabellingSettings,
    given: SkillGraph | None,
    most: int,
    teacher: OpenTeacher,
    placement: Placement,
    chain: Chain,
    fence: Fence,
    tell: Callable[[str], None],
) -> dict[str, list[str]]:
    """The skills of every question of `tables` (by split), by its text; those that got none are told.

    With a `given` graph its skills are the vocabulary, and no families are made; a prompt takes `most` characters.

    Raises:
        DataError: a vocabulary is too long, or no question got a skill.
    """
    folder = run.labelling
    for split in tables:
        if not folder.table(split).complete():
            folder.table(split).write(tables[split], fence=fence)
    made: dict[str, Any] = {}
    if given is not None:
        subjects = {subject or "" for table in tables.values() for subject in table["subject"].unique().to_pylist()}
        allowed = vocabulary(given, subjects)
        refuse_long_lists(allowed, most)
    else:
        named = folder.folder("named").table("labels")
        chain([Job(folder.table("pool"), (named,))], [Link(Label(teacher, {}), placement)], UNIT_ROWS)
        if not exists(run.vocabulary):
            fence.commit_json(run.vocabulary, _vocabulary(names_by_subject(named), settings, teacher))
        made = read_json(run.vocabulary)
        allowed = {subject: tuple(found["skills"]) for subject, found in made.items()}
    labels = {split: folder.folder(split + "-labelled").table("labels") for split in tables}
    jobs = [Job(folder.table(split), (labels[split],)) for split in tables]
    chain(jobs, [Link(Label(teacher, allowed), placement)], UNIT_ROWS)
    rows = [row for table in labels.values() for row in table.read(["question", "skills", "outcome"]).to_pylist()]
    outcomes = Counter(row["outcome"] for row in rows)
    if not any(row["skills"] for row in rows):
        how = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        raise DataError(
            f"data.labelling: the teacher named no skill for any of {outcomes.total()} questions ({how}); its replies "
            "are in teacher/replies: use another one, or a smaller graph"
        )
    for note in _notes(made, outcomes):
        tell(note)
    return {row["question"]: row["skills"] for row in rows}


def _vocabulary(
    names: Mapping[str, Counter[str]], settings: LabellingSettings, teacher: OpenTeacher
) -> dict[str, dict[str, Any]]:
    ask = teacher()
    found: dict[str, dict[str, Any]] = {}
    for subject, counts in sorted(names.items()):
        made = vocabulary_of(counts, subject, settings.families, ask)
        if not made.skills:
            where = f" of {subject}" if subject else ""
            raise DataError(
                f"data.labelling: the teacher made no skills of {len(counts)} names for questions{where}; its "
                "replies are in teacher/replies: use another one"
            )
        found[subject] = asdict(made)
    return found


def _notes(vocabulary: Mapping[str, Mapping[str, Any]], outcomes: Counter[str]) -> list[str]:
    """What a reader must know of the labels."""
    lines = []
    for subject, found in vocabulary.items():
        where = f" ({subject})" if subject else ""
        made = f"{len(found['skills'])} skills of {found['names']} names"
        lines.append(f"data.labelling{where}: {made}; the names of {found['other']:.0%} of the pool are in none")
    failed = {outcome: count for outcome, count in outcomes.items() if outcome != Outcome.OK}
    if failed:
        how = ", ".join(f"{count} {outcome}" for outcome, count in sorted(failed.items()))
        lines.append(f"data.labelling: {sum(failed.values())} of {outcomes.total()} questions have no skill ({how})")
    return lines
