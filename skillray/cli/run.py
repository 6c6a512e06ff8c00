"""`skillray run`: check everything that can be checked before Ray starts, then launch."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from skillray.cli.progress import Display
from skillray.config import RunConfig, dump_config, load_config, refuse_changes
from skillray.errors import TableError
from skillray.store.files import commit, exists, read_json
from skillray.store.layout import RunFolder


def run_config(config_path: str, run_dir: str | None, overrides: Sequence[str]) -> int:
    """Exit code."""
    config = load_config(config_path, overrides)
    run = RunFolder(os.path.abspath(run_dir or os.path.join("runs", config.name)))
    if _nothing_to_do(run, config):
        print(f"{run.path} is complete: nothing to do")
        return _finish(run)
    commit(run.config, dump_config(config).encode())
    started = time.monotonic()
    good = _launch(config, run)
    print(f"finished in {time.monotonic() - started:.0f} s")
    return _finish(run) if good else _finish(run) or 1


def _launch(config: RunConfig, run: RunFolder) -> bool:
    from skillray.on_ray.environment import prepare

    prepare(config.cluster.address)
    from skillray.on_ray.launch import launch  # after prepare: ray's core reads the environment at import

    with Display() as display:
        return launch(config, run.path, display.show)


def _nothing_to_do(run: RunFolder, config: RunConfig) -> bool:
    """Whether an earlier command with the same students and rounds ended well; refuses a changed identity."""
    if not exists(run.config):
        return False
    before = load_config(run.config)
    refuse_changes(before, config, run.path)
    same = (before.students, before.rounds) == (config.students, config.rounds)
    try:
        return same and read_json(run.status)["state"] == "done" and exists(run.summary) and exists(run.report)
    except TableError:
        return False  # killed before it could say anything


def _finish(run: RunFolder) -> int:
    from skillray.report import tables

    if exists(run.summary):
        print(tables(run))
        print(f"report: {run.report}")
    for name, student in read_json(run.status)["students"].items():
        if student["state"] == "failed":
            print(f"student {name} failed: {student['error']} (more in {run.file('logs')})")
    return 0
