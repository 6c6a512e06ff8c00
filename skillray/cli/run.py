"""`skillray run`: the run, what it does while it goes on, and what came out."""

from __future__ import annotations

import time

from skillray import api
from skillray.cli.progress import Display
from skillray.config import RunConfig
from skillray.loop.resume import is_complete
from skillray.store.files import exists
from skillray.store.layout import RunFolder
from skillray.store.records import Status, read_record


def run_config(config: RunConfig, run_dir: str | None) -> int:
    """Exit code."""
    run = api.folder_of(config, run_dir)
    if is_complete(run, config):
        print(f"{run.path} is complete: nothing to do")
        return _finish(run)
    started = time.monotonic()
    with Display() as display:
        good = api.execute(config, run, display.show)
    print(f"finished in {time.monotonic() - started:.0f} s")
    return _finish(run) if good else _finish(run) or 1


def _finish(run: RunFolder) -> int:
    from skillray.report import tables

    if exists(run.summary):
        print(tables(run))
        print(f"report: {run.report}")
    for name, student in read_record(run.status, Status).students.items():
        if student.state == "failed":
            print(f"student {name} failed: {student.error} (more in {run.file('logs')})")
    return 0
