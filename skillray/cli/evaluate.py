"""`skillray evaluate`: a model, every model of a run, or a model behind a URL answers evaluation sets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skillray.cli.progress import Display
from skillray.cli.run import make_folder, no_cluster, run_folder
from skillray.config import RunConfig, dump_config, load_config, parse, refuse_changes
from skillray.config.load import apply
from skillray.errors import ConfigError
from skillray.evaluation.benchmarks import BENCHMARKS
from skillray.loop.evaluated import last_folder
from skillray.loop.evaluation_report import evaluation_of
from skillray.loop.outside import Outside, need_harness
from skillray.loop.preflight import check_answering, check_sets
from skillray.store.fence import Fence
from skillray.store.files import exists
from skillray.store.layout import RunFolder
from skillray.store.lock import writing

KEPT = ("seed", "rollout", "placement", "cluster", "evaluation", "training")
"""Of another config: what decides how models answer. The rest is about training."""
FOLDER = "evaluations"
"""In a run folder: what was evaluated when the run was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of the command."""

    target: str
    """A model folder or Hugging Face id, a run folder, or the URL of a server."""
    sets: str
    """NAME or NAME=FILE, with commas between them; empty for all that the config has."""
    out: str | None
    served: str | None
    """The model's name at the URL."""
    config: str | None
    overrides: Sequence[str]
    outside: Outside | None


def evaluate(asked: Asked) -> int:
    """Exit code. The table is printed and stands in OUT/evaluation.json; the same command again goes on."""
    config = config_of(asked)
    if asked.outside is not None:
        need_harness()
    check_sets(config)
    check_answering(config)
    run = run_folder(_out(asked))
    before = load_config(run.config) if exists(run.config) else None
    config = config if before is None else _joined(before, config, run.path)
    make_folder(run)
    with writing(run.path, tell=lambda line: print(line, file=sys.stderr)) as fence:
        fence.commit(run.config, dump_config(config).encode())
        _launch(config, fence, asked)
        found = evaluation_of(run, config, _trained(asked.target))
        fence.commit_json(run.file("evaluation.json"), found)
    from skillray.report.terminal import evaluation_table

    print(evaluation_table(found))
    print(f"figures: {run.file('evaluation.json')}")
    return 0


def config_of(asked: Asked) -> RunConfig:
    """One run whose students are the models: none of them is trained."""
    source = RunFolder(asked.target).config if _is_run(asked.target) else asked.config
    given = load_config(source) if source else None
    raw: dict[str, Any] = {} if given is None else given.model_dump(mode="json", include=set(KEPT))
    if "rollout" in raw:
        raw["rollout"]["recorded"] = None
    known = {one["name"]: one for one in raw.get("evaluation", {}).get("sets", ())}
    names = [text for text in asked.sets.split(",") if text]
    sets = [_set_of(text, known) for text in names] if names else [*known.values()]
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


def _students(asked: Asked) -> list[dict[str, Any]]:
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


def _trained(target: str) -> RunFolder | None:
    return RunFolder(target) if _is_run(target) else None


def _is_run(target: str) -> bool:
    return not target.startswith("http") and exists(RunFolder(target).config) and exists(RunFolder(target).graph)


def _out(asked: Asked) -> str:
    if asked.out is not None:
        return asked.out
    if _is_run(asked.target):
        return os.path.join(asked.target, FOLDER)
    raise ConfigError("--out: give a folder for the answers")


def _joined(before: RunConfig, now: RunConfig, where: str) -> RunConfig:
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


def _launch(config: RunConfig, fence: Fence, asked: Asked) -> None:
    from skillray.on_ray.environment import prepare

    prepare(config.cluster.address)
    from skillray.on_ray.evaluate import Endpoint, evaluate_on_ray  # after prepare: ray reads the environment at import

    endpoint = Endpoint(asked.target, asked.served) if asked.served else None
    try:
        with Display() as display:
            evaluate_on_ray(config, fence, endpoint, asked.outside, lambda name: _shown(display, name))
    except ConnectionError:
        raise no_cluster(config.cluster.address) from None


def _shown(display: Display, name: str) -> Any:
    start = time.monotonic()

    def show(done: int, total: int, unit: str) -> None:
        seconds = time.monotonic() - start
        display.show([{"name": name, "seconds": seconds, "done": done, "total": total, "unit": unit}])

    return show
