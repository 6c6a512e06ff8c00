"""What `skillray evaluate` is asked, as a run whose students are the models: none of them is trained."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skillray.config import RunConfig, load_config, parse, refuse_changes
from skillray.config.load import apply
from skillray.errors import ConfigError
from skillray.evaluation.benchmarks import BENCHMARKS
from skillray.loop.evaluated import last_folder
from skillray.loop.outside import Outside
from skillray.store.files import exists
from skillray.store.layout import RunFolder

KEPT = ("seed", "rollout", "placement", "cluster", "evaluation", "training")
"""Of another config: what decides how models answer. The rest is about training."""
FOLDER = "evaluations"
"""In a run folder: what was evaluated when the run was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """Which models answer which sets, and where the answers go."""

    target: str
    """A model folder or Hugging Face id, a run folder, or the URL of a server."""
    sets: Sequence[str] = ()
    """NAME or NAME=FILE each; empty for all that the config has."""
    out: str | None = None
    served: str | None = None
    """The model's name at the URL."""
    config: RunConfig | None = None
    """Whose rollout, placement and sets are taken; of a run, its own are."""
    overrides: Sequence[str] = ()
    outside: Outside | None = None


def config_of(asked: EvaluationRequest) -> RunConfig:
    """One run whose students are the models: none of them is trained."""
    given = load_config(RunFolder(asked.target).config) if _is_run(asked.target) else asked.config
    raw: dict[str, Any] = {} if given is None else given.model_dump(mode="json", include=set(KEPT))
    if "rollout" in raw:
        raw["rollout"]["recorded"] = None
    known = {one["name"]: one for one in raw.get("evaluation", {}).get("sets", ())}
    sets = [_set_of(text, known) for text in asked.sets] if asked.sets else [*known.values()]
    if not sets and asked.outside is None:
        raise ConfigError(
            f"--sets: name some of {', '.join(sorted(BENCHMARKS))}, or NAME=FILE, with commas between them"
        )
    raw |= {"name": "evaluation", "evaluation": {"sets": sets}, "students": _students(asked)}
    return parse(apply(raw, asked.overrides), "evaluate")


def _set_of(text: str, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    name, given, path = text.partition("=")
    if not given and name in known:
        return known[name]
    if name in BENCHMARKS:
        return {"benchmark": name} | ({"path": path} if given else {})
    if not given:
        shown = ", ".join(sorted({*known, *BENCHMARKS}))
        raise ConfigError(f"--sets {text}: no such set; there are {shown}, or give NAME=FILE")
    return {"name": name, "path": path}


def _students(asked: EvaluationRequest) -> list[dict[str, Any]]:
    untrained = {"curriculum": {"type": "uniform"}}
    if asked.target.startswith(("http://", "https://")):
        if not asked.served:
            raise ConfigError(f"--model: say what {asked.target} calls the model that it serves")
        return [{"name": "model", **untrained}]
    if asked.served:
        raise ConfigError(f"--model is the name of a model behind a URL; {asked.target} is none, leave it out")
    if not _is_run(asked.target):
        return [{"name": "model", "model": asked.target, **untrained}]
    run = RunFolder(asked.target)
    prompts = {one.name: one.prompt and one.prompt.model_dump(mode="json") for one in load_config(run.config).students}
    return [
        {"name": name, "model": model, "prompt": prompts[name.rpartition("-")[0]], **untrained}
        for name, model in models_of(run).items()
    ]


def models_of(run: RunFolder) -> dict[str, str]:
    """Every model of a run before training, once, and what the last round of every student made, by a name."""
    students = load_config(run.config).students
    first = {student.model: student.name for student in reversed(students)}
    found = {before_name(name): model for model, name in first.items()}
    for student in students:
        if (last := last_folder(run, student.name)) is not None:
            found[after_name(student.name)] = last.checkpoint
    return found


def before_name(student: str) -> str:
    return f"{student}-before"


def after_name(student: str) -> str:
    return f"{student}-after"


def trained_run(target: str) -> RunFolder | None:
    return RunFolder(target) if _is_run(target) else None


def _is_run(target: str) -> bool:
    return not target.startswith("http") and exists(RunFolder(target).config) and exists(RunFolder(target).graph)


def out_of(asked: EvaluationRequest) -> str:
    if asked.out is not None:
        return asked.out
    if _is_run(asked.target):
        return os.path.join(asked.target, FOLDER)
    raise ConfigError("--out: give a folder for the answers")


def joined(before: RunConfig, now: RunConfig, where: str) -> RunConfig:
    """With the sets that the folder has already; `ConfigError` where one of them, or how it is answered, is another."""
    old = {one.name: one for one in before.evaluation.sets}
    for one in now.evaluation.sets:
        if one.name in old and one != old[one.name]:
            raise ConfigError(f"{where} has answers to a set {one.name!r} with other settings; use a new --out")
    bare = now.evaluation.model_copy(update={"sets": ()})
    alone = [one.model_copy(update={"evaluation": bare}) for one in (before, now)]
    refuse_changes(alone[0], alone[1], where)
    names = {one.name for one in now.evaluation.sets}
    sets = (*now.evaluation.sets, *(one for name, one in old.items() if name not in names))
    return now.model_copy(update={"evaluation": now.evaluation.model_copy(update={"sets": sets})})
