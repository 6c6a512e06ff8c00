"""What was gained and what was lost: figures of the evaluation sets, changes since before training, named contrasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.config.evaluation import EvaluationSet
from skillray.config.model import RunConfig
from skillray.errors import DataError
from skillray.evaluation.accuracy import Comparison, Share, compare, compare_gains, share_of
from skillray.evaluation.contrasts import contrasts_of
from skillray.evaluation.samples import Values, mean_of, values_of
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.tables import Table

SCORE_COLUMNS = ("question_id", "sample", "skills", "correct")
HELD_OUT, DIFFICULT, REST = "held_out", "difficult", "rest"
"""All held-out questions; those that the filter called difficult before training; and the others."""


def share_json(share: Share) -> dict[str, float]:
    return {"mean": share.accuracy, "low": share.low, "high": share.high, "n": share.num_questions}


def difficult_ids(scores: Table) -> pa.Array:
    """Held-out questions that the reward filter called difficult for the student before training: STAT's MATH^D
    (arXiv 2510.10023, 3.1) in any domain."""
    rows = scores.read(["question_id", "judged", "difficult"])
    return rows.filter(pc.and_(rows["judged"], rows["difficult"]))["question_id"].combine_chunks()


def subsets(rows: pa.Table, hard: pa.Array) -> dict[str, pa.Table]:
    """The rows of all held-out questions, of the difficult ones and of the rest; an empty subset is left out."""
    is_hard = pc.is_in(rows["question_id"], value_set=hard.cast(rows.schema.field("question_id").type))
    parts = {HELD_OUT: rows, DIFFICULT: rows.filter(is_hard), REST: rows.filter(pc.invert(is_hard))}
    return {name: part for name, part in parts.items() if part.num_rows}


def set_values(folder: RoundFolder, one: EvaluationSet) -> Values | None:
    """The metric's value for every question of a set; None where the set is not answered."""
    table = folder.answers(one.name)
    return values_of(table.read(["question_id", "correct", "vote"]), one.scored_by) if table.complete() else None


def sets_of(config: RunConfig, folder: RoundFolder) -> dict[str, dict[str, Any]]:
    """Each answered set's figure with its interval over questions, in the order of the config."""
    found = {}
    for one in config.evaluation.sets:
        if (values := set_values(folder, one)) is not None:
            share = share_of(values.mean, len(values.question_ids))
            found[one.name] = {"metric": one.metric, **share_json(share)}
    return found


def table_mean(config: RunConfig, entry: Mapping[str, Any]) -> float | None:
    """The plain mean over a round's columns, the difficult questions among them, as STAT's Avg is over nine."""
    if not config.evaluation.sets:
        return None
    own = {HELD_OUT: entry["accuracy"], DIFFICULT: entry["on_difficult"]}
    columns = {name: found and found["mean"] for name, found in own.items()}
    sets = {one.name: entry["sets"].get(one.name, {}).get("mean") for one in config.evaluation.sets}
    return mean_of(columns | sets)


def last_folder(run: RunFolder, student: str) -> RoundFolder | None:
    """The last round that was scored; None before any was."""
    index = 0
    while run.round(student, index).table("scores").complete():
        index += 1
    return run.round(student, index - 1) if index else None


def changes(config: RunConfig, before: RoundFolder, after: RoundFolder, hard: pa.Array) -> dict[str, Comparison]:
    """Paired, after minus before: over all held-out questions, the difficult, the rest, and each set that both have."""
    pairs = [folder.table("scores").read(SCORE_COLUMNS) for folder in (before, after)]
    parts = [subsets(rows, hard) for rows in pairs]
    found = {name: compare(before=parts[0][name], after=parts[1][name]) for name in parts[0]}
    return found | set_changes(config, before, after)


def set_changes(config: RunConfig, before: RoundFolder, after: RoundFolder) -> dict[str, Comparison]:
    """Paired by question, for every set that was answered in both folders."""
    found = {}
    for one in config.evaluation.sets:
        left, right = set_values(before, one), set_values(after, one)
        if left is not None and right is not None:
            if left.question_ids != right.question_ids:
                raise DataError(f"evaluation set {one.name!r}: its questions before and after are not the same")
            found[one.name] = compare_gains(right.values_Q - left.values_Q)
    return found


def skill_changes(before: RoundFolder, after: RoundFolder) -> dict[str, Comparison]:
    """Paired, for every skill over all held-out questions that have it."""
    rows = [folder.table("scores").read(SCORE_COLUMNS) for folder in (before, after)]
    skills = sorted(set(pc.unique(pc.list_flatten(rows[0]["skills"])).to_pylist()))
    parts = ([_with_skill(table, skill) for table in rows] for skill in skills)
    return {skill: compare(before=part[0], after=part[1]) for skill, part in zip(skills, parts, strict=True)}


def _with_skill(rows: pa.Table, skill: str) -> pa.Table:
    labels = rows["skills"].combine_chunks()
    owners = pc.list_parent_indices(labels).filter(pc.equal(pc.list_flatten(labels), skill))
    return rows.take(pc.unique(owners))


def named_contrasts(run: RunFolder, config: RunConfig) -> list[dict[str, Any]]:
    """The pairs that the config named, on every column of the table: where both were scored, after their last rounds.

    Each column is a family of its own, adjusted by Holm over the named pairs; the held-out questions are what the run
    is about, the other columns are told beside them. Difficult are questions that were so for both before training.
    """
    by_column: dict[str, dict[tuple[str, str], Comparison]] = {}
    for pair in config.evaluation.contrasts:
        arm, control = last_folder(run, pair.arm), last_folder(run, pair.control)
        if arm is None or control is None:
            continue
        hard = both_difficult(run, pair.arm, pair.control)
        for column, comparison in changes(config, before=control, after=arm, hard=hard).items():
            by_column.setdefault(column, {})[pair.arm, pair.control] = comparison
    return [
        {"on": column, **contrast.to_json()}
        for column, family in by_column.items()
        for contrast in contrasts_of(family)
    ]


def both_difficult(run: RunFolder, a: str, b: str) -> pa.Array:
    first, second = (difficult_ids(run.base(name).table("scores")) for name in (a, b))
    return first.filter(pc.is_in(first, value_set=second))


def change_json(run: RunFolder, config: RunConfig, student: str) -> dict[str, Any] | None:
    """The changes of a student from before training to its last round, as JSON; None before it was trained."""
    after, before = last_folder(run, student), run.base(student)
    if after is None:
        return None
    found = changes(config, before, after, difficult_ids(before.table("scores")))
    return {name: asdict(comparison) for name, comparison in found.items()}
