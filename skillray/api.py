"""skillray from Python: what the commands do, as functions, and a run folder as an object.

    run = skillray.run(skillray.load("jobs/recipes/quickstart.yaml", {"seed": 2}))
    run.students["stat-sel"].rounds[0].profile.counts

The commands call these functions and print. Errors are those of skillray.errors, one line each; where a line names an
option of a command (--run-dir), the argument of the same name is meant. Only `run`, `resume` and `evaluate` import Ray.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skillray.config import RunConfig, dump_config, load_config, parse
from skillray.config.load import apply
from skillray.errors import ConfigError
from skillray.loop.evaluation_report import evaluation_of
from skillray.loop.evaluation_request import EvaluationRequest, config_of, joined, out_of, trained_run
from skillray.loop.forecast import Forecast, forecast
from skillray.loop.outside import Outside, need_harness
from skillray.loop.preflight import check_answering, check_sets, preflight
from skillray.loop.results import Round, Run, Student
from skillray.loop.resume import is_complete, started_with
from skillray.store.fence import Fence
from skillray.store.files import exists
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.store.opening import begun_run, make_folder, run_folder

__all__ = ["Round", "Run", "Student", "evaluate", "load", "plan", "resume", "run"]

Show = Callable[[list[dict[str, Any]]], None]
"""Hears about once a second what runs: entries of name, seconds, done, total (0 where not known yet) and unit."""
Path = str | os.PathLike[str]
Overrides = Mapping[str, Any] | Sequence[str]
"""Dotted field to plain value, {"training.learning_rate": 1e-4}; or texts as --set takes them."""


def load(config: Path | Mapping[str, Any], overrides: Overrides = ()) -> RunConfig:
    """The run that a YAML file, or a mapping of the same fields, describes.

    Raises:
        ConfigError: one line with field, rule and value.
    """
    if isinstance(config, Mapping):
        return parse(apply(json.loads(_plain(config, "config")), _texts(overrides)), "config")
    return load_config(os.fspath(config), _texts(overrides))


def plan(config: RunConfig) -> Forecast:
    """What a run would do: steps, rows, teacher calls, tokens, memory, needs. It starts nothing, and writes nothing.

    Raises:
        ConfigError, DataError: what would fail; one line with the field or file, and what to do.
    """
    preflight(config)
    return forecast(config)


def run(config: RunConfig, run_dir: Path | None = None, show: Show | None = None) -> Run:
    """The whole loop, for every student, in `run_dir` (runs/NAME by default); a run that is there goes on.

    A student that fails raises nothing, for the others go on: `Run.failures` has it.

    Raises:
        ConfigError, DataError: the config, a file or the folder must be changed; nothing was started.
        LockedError: another process writes this run.
        SkillrayError: the run as a whole could not go on; the same call again goes on from there.
    """
    folder = folder_of(config, run_dir)
    if not is_complete(folder, config):
        execute(config, folder, show)
    return Run(folder.path)


def resume(run_dir: Path, show: Show | None = None) -> Run:
    """Go on with a run by the config that its folder holds; errors are those of `run`."""
    folder = begun_run(os.fspath(run_dir))
    return run(load_config(folder.config), folder.path, show)


def evaluate(
    model_or_run: Path,
    sets: Sequence[str] = (),
    *,
    out: Path | None = None,
    model: str | None = None,
    config: RunConfig | None = None,
    overrides: Overrides = (),
    tasks: Sequence[str] = (),
    tasks_folder: str | None = None,
    tasks_limit: int | None = None,
    show: Show | None = None,
) -> Run:
    """Models answer evaluation sets: `Run.evaluation` has the figures. The same call again goes on.

    Args:
        model_or_run: A model folder or Hugging Face id; a run folder, of which all models before training and what the
            last round of every student made are taken; or the URL of a server.
        sets: Benchmarks by name, or NAME=FILE; by default all that the config, or the run, has.
        out: A folder for the answers; RUN/evaluations by default, where a run is given.
        model: What the server at the URL calls the model.
        config: Whose rollout, placement and sets are taken; a run has its own.
        overrides: Of the evaluation's config, for example {"rollout.samples": 4}.
        tasks: Tasks of lm-evaluation-harness; `tasks_folder` has definitions of your own, `tasks_limit` is the most
            questions of each.
        show: Hears how far it is.

    Raises:
        ConfigError, DataError: something must be changed; nothing was started.
        MissingExtraError: tasks are asked for, and lm-eval is not installed.
    """
    if isinstance(sets, str) or isinstance(tasks, str):
        raise ConfigError("evaluate: sets and tasks are lists of names, for example ['math500', 'own=questions.jsonl']")
    request = EvaluationRequest(
        target=os.fspath(model_or_run),
        sets=sets,
        out=None if out is None else os.fspath(out),
        served=model,
        config=config,
        overrides=_texts(overrides),
        outside=Outside(tuple(tasks), tasks_folder, tasks_limit) if tasks else None,
    )
    return _evaluated(request, show or _silent)


def folder_of(config: RunConfig, run_dir: Path | None) -> RunFolder:
    """Where a run of `config` is, or will be; `ConfigError` for a folder that cannot become a run."""
    return run_folder(os.path.join("runs", config.name) if run_dir is None else os.fspath(run_dir))


def execute(config: RunConfig, folder: RunFolder, show: Show | None = None) -> bool:
    """Check all that can be checked before Ray starts, then run to the end; True when no student failed."""
    preflight(config, folder)
    make_folder(folder)
    with writing(folder.path, tell=_to_stderr) as fence:
        started_with(folder, config)  # refuses changes again, now that nobody else can write the run
        fence.commit(folder.config, dump_config(config).encode())
        return _launch(config, fence, show or _silent)


def _launch(config: RunConfig, fence: Fence, show: Show) -> bool:
    from skillray.on_ray.environment import no_cluster, prepare

    prepare(config.cluster.address)
    from skillray.on_ray.launch import launch  # after prepare: ray's core reads the environment at import

    try:
        return launch(config, fence, show)
    except ConnectionError:
        raise no_cluster(config.cluster.address) from None


def _evaluated(request: EvaluationRequest, show: Show) -> Run:
    config = config_of(request)
    if request.outside is not None:
        need_harness()
    check_sets(config)
    check_answering(config)
    folder = run_folder(out_of(request))
    if exists(folder.config):
        config = joined(load_config(folder.config), config, folder.path)
    make_folder(folder)
    with writing(folder.path, tell=_to_stderr) as fence:
        fence.commit(folder.config, dump_config(config).encode())
        _answer(config, fence, request, show)
        fence.commit_json(folder.evaluation, evaluation_of(folder, config, trained_run(request.target)))
    return Run(folder.path)


def _answer(config: RunConfig, fence: Fence, request: EvaluationRequest, show: Show) -> None:
    from skillray.on_ray.environment import no_cluster, prepare

    prepare(config.cluster.address)
    from skillray.on_ray.evaluate import Endpoint, evaluate_on_ray  # after prepare: ray reads the environment at import

    endpoint = Endpoint(request.target, request.served) if request.served else None
    try:
        evaluate_on_ray(config, fence, endpoint, request.outside, lambda name: _shown(show, name))
    except ConnectionError:
        raise no_cluster(config.cluster.address) from None


def _shown(show: Show, name: str) -> Callable[[int, int, str], None]:
    """What hears of the progress of the model `name` alone, and tells `show`."""
    start = time.monotonic()

    def heard(done: int, total: int, unit: str) -> None:
        show([{"name": name, "seconds": time.monotonic() - start, "done": done, "total": total, "unit": unit}])

    return heard


def _texts(overrides: Overrides) -> list[str]:
    """FIELD=VALUE each; JSON is the YAML of a plain value."""
    if isinstance(overrides, str):
        raise ConfigError(f"overrides: give a mapping or a list of FIELD=VALUE, not the text {overrides!r}")
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{field}={_plain(value, field)}" for field, value in overrides.items()]


def _plain(value: Any, where: str) -> str:
    """JSON of plain values and paths; `ConfigError` for anything else."""
    try:
        return json.dumps(value, default=os.fspath, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}: give text, numbers, true or false, or lists and mappings of them ({error})"
        ) from None


def _silent(_: list[dict[str, Any]]) -> None:
    """The `show` of a caller who gives none."""


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)
