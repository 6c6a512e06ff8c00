"""The figures of `skillray evaluate`, and what a gate compares: as plain values, for a file and for a table."""

from __future__ import annotations

from typing import Any

from skillray.config.model import RunConfig
from skillray.errors import DataError
from skillray.evaluation.accuracy import Comparison, accuracy_of, compare_gains, share_of
from skillray.evaluation.gate import Gate, gate_of
from skillray.loop.evaluated import (
    DIFFICULT,
    HELD_OUT,
    SCORE_COLUMNS,
    changes,
    difficult_ids,
    last_folder,
    set_changes,
    sets_of,
    share_json,
    skill_changes,
    subsets,
    table_mean,
)
from skillray.loop.outside import as_values
from skillray.store.files import exists, names_in, read_json
from skillray.store.layout import RoundFolder, RunFolder

BEFORE, AFTER = "-before", "-after"
"""Ends of the names that the models of a run have in an evaluation."""


def evaluation_of(run: RunFolder, config: RunConfig, trained: RunFolder | None) -> dict[str, Any]:
    """Every model's figures. `trained` is the run whose models they are: its own columns stand first then."""
    return {
        "sets": [one.name for one in config.evaluation.sets],
        "models": {student.name: _model(run, config, student.name, trained) for student in config.students},
    }


def _model(run: RunFolder, config: RunConfig, name: str, trained: RunFolder | None) -> dict[str, Any]:
    folder = run.base(name)
    entry: dict[str, Any] = {"accuracy": None, "on_difficult": None, "sets": sets_of(config, folder)}
    if trained is not None:
        entry |= _own_columns(trained, name)
    outside = {}
    for file in names_in(folder.folder("outside").path):
        found = read_json(folder.folder("outside").path + "/" + file)
        values = as_values(found)
        share = share_of(values.mean, len(values.question_ids))
        outside[file.removesuffix(".json")] = {"metric": found["metric"], **share_json(share)}
    return entry | {"mean": table_mean(config, entry) if trained is not None else None, "outside": outside}


def _own_columns(trained: RunFolder, name: str) -> dict[str, Any]:
    """Held-out and difficult of the run's own scores, for a model that the run has scored."""
    student = name.removesuffix(BEFORE).removesuffix(AFTER)
    base = trained.base(student)
    folder = base if name.endswith(BEFORE) else last_folder(trained, student)
    if folder is None or not folder.table("scores").complete() or not base.table("scores").complete():
        return {}
    parts = subsets(folder.table("scores").read(SCORE_COLUMNS), difficult_ids(base.table("scores")))
    shown = {part: share_json(accuracy_of(rows).overall) for part, rows in parts.items()}
    return {"accuracy": shown.get(HELD_OUT), "on_difficult": shown.get(DIFFICULT)}


def gate_of_run(run: RunFolder, config: RunConfig, student: str, evaluation: RunFolder | None, margin: float) -> Gate:
    """A student's last round against its model before training.

    The task is the held-out questions. The others are every skill in them, every evaluation set, and whatever was
    evaluated in the folder `evaluation` afterwards. Difficult questions and the rest are no part of it: the base is
    selected there.

    Raises:
        DataError: the student was not scored before and after training.
    """
    before, after = run.base(student), last_folder(run, student)
    if after is None or not before.table("scores").complete():
        raise DataError(f"{run.path}: student {student!r} has no scores before and after training; let the run end")
    found = changes(config, before, after, difficult_ids(before.table("scores")))
    task = (HELD_OUT, found[HELD_OUT])
    others = {f"skill {skill}": one for skill, one in skill_changes(before, after).items()}
    others |= set_changes(config, before, after)
    if evaluation is not None:
        others |= _afterwards(run, config, student, evaluation)
    return gate_of(task, others, margin)


def _afterwards(run: RunFolder, config: RunConfig, student: str, evaluation: RunFolder) -> dict[str, Comparison]:
    """What `skillray evaluate RUN` has answered of both models."""
    from skillray.config import load_config

    model = next(one.model for one in config.students if one.name == student)
    first = next(one.name for one in config.students if one.model == model)
    folders = evaluation.base(f"{first}{BEFORE}"), evaluation.base(f"{student}{AFTER}")
    return set_changes(load_config(evaluation.config), *folders) | _outside_changes(*folders)


def _outside_changes(before: RoundFolder, after: RoundFolder) -> dict[str, Comparison]:
    found = {}
    for file in names_in(before.folder("outside").path):
        task = file.removesuffix(".json")
        if exists(after.outside(task)):
            left, right = (as_values(read_json(folder.outside(task))) for folder in (before, after))
            if left.question_ids != right.question_ids:
                raise DataError(f"task {task!r}: its questions before and after are not the same; evaluate both again")
            found[task] = compare_gains(right.values_Q - left.values_Q)
    return found
