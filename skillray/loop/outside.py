"""Benchmarks that somebody else defines and scores: lm-evaluation-harness tasks, such as MMLU and IFEval.

Its tasks bring their own prompts, sampling and metrics, so nothing of `rollout` holds for them. What is kept is one
value a question, so that before and after can be compared question by question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from skillray.errors import DataError, MissingExtraError, StageError
from skillray.evaluation.samples import Values
from skillray.training.checkpoint import base_of, is_adapter, resolve_model
from skillray.types import content_id

INSTALL = 'pip install "skillray[lm-eval]"'


@dataclass(frozen=True, slots=True)
class Outside:
    """The tasks that are asked for."""

    tasks: tuple[str, ...]
    folder: str | None = None
    """Of task definitions besides those that the harness has."""
    limit: int | None = None
    """Questions of each task, the first ones; all where None."""


def need_harness() -> None:
    """`MissingExtraError` where lm-eval is not installed."""
    if find_spec("lm_eval") is None:
        raise MissingExtraError(f"--tasks needs lm-eval, which is not installed: {INSTALL}")


def run_tasks(model: str, asked: Outside, batch_size: int, dtype: str) -> dict[str, dict[str, Any]]:
    """Task -> its metric and, for every question, a name and a value in [0, 1].

    The metric is the first one that the task lists. A group, such as `mmlu`, has the questions of all its tasks.

    Raises:
        MissingExtraError: lm-eval is not installed.
        StageError: a task broke; its words.
        DataError: there is no such task, or its metric is not one number a question.
    """
    need_harness()
    import torch
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=asked.folder)
    if unknown := [task for task in asked.tasks if task not in manager.all_tasks]:
        raise DataError(f"--tasks: lm-eval has no task {unknown[0]!r}; `lm-eval ls tasks` lists them")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = _evaluated(
        model="hf",
        model_args=_model_arguments(model, dtype),
        device=device,
        tasks=list(asked.tasks),
        task_manager=manager,
        batch_size=batch_size,
        limit=asked.limit,
        log_samples=True,
        apply_chat_template=True,
        bootstrap_iters=0,  # its intervals are not used: ours are paired
        random_seed=0,
    )
    leaves = found.get("group_subtasks") or {}
    return {task: values_in(task, _leaves(task, leaves), found["samples"]) for task in asked.tasks}


def _evaluated(**arguments: Any) -> dict[str, Any]:
    import lm_eval

    try:
        found = lm_eval.simple_evaluate(**arguments)
    except Exception as error:  # a task may raise anything: a download, its own code, a missing package of its own
        raise StageError(
            f"lm-eval broke at {', '.join(arguments['tasks'])}: {' '.join(str(error).split())[:300]}"
        ) from error
    return dict(found or {})


def _model_arguments(model: str, dtype: str) -> dict[str, Any]:
    folder = resolve_model(model)
    kind = "bfloat16" if dtype == "bf16" else "float32"
    if is_adapter(folder):
        return {"pretrained": resolve_model(base_of(folder)), "peft": folder, "tokenizer": folder, "dtype": kind}
    return {"pretrained": folder, "dtype": kind}


def _leaves(task: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """A task, or the tasks of a group, groups in it taken apart."""
    inner = groups.get(task) or ()
    return [leaf for one in inner for leaf in _leaves(one, groups)] if inner else [task]


def values_in(task: str, leaves: Sequence[str], samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """One value for every question of `leaves`, from what the harness logged; several filters count once, the first."""
    values: dict[str, float] = {}
    metric = ""
    for leaf in leaves:
        for sample in samples.get(leaf, ()):
            metric = metric or next(iter(sample.get("metrics", ())), "")
            value = sample.get(metric)
            if not isinstance(value, bool | int | float | np.number):
                raise DataError(f"--tasks {task}: its metric {metric!r} is no number of each question; leave it out")
            values.setdefault(f"{leaf}/{sample['doc_id']}", float(value))
    if not values:
        raise DataError(f"--tasks {task}: lm-eval logged no question of it")
    if not all(0.0 <= value <= 1.0 for value in values.values()):
        raise DataError(f"--tasks {task}: its metric {metric!r} is not within 0 and 1; leave it out")
    return {"metric": metric, "values": values}


def as_values(found: Mapping[str, Any]) -> Values:
    """The values of `run_tasks` as those of any set, by the hash of a question's name."""
    by_id = {content_id(name): value for name, value in found["values"].items()}
    ordered = sorted(by_id)
    return Values(tuple(ordered), np.array([by_id[one] for one in ordered], np.float64))
