"""`skillray gate`: may what a run trained replace what it started from?"""

from __future__ import annotations

import os

from skillray.config import load_config
from skillray.errors import ConfigError
from skillray.loop.evaluation_report import gate_of_run
from skillray.loop.evaluation_request import FOLDER
from skillray.store.files import exists
from skillray.store.layout import RunFolder


def gate(run: RunFolder, student: str | None, margin: float) -> int:
    """0 when the task got better by its interval and nothing else is worse than `margin`, else 2; prints why."""
    if not 0.0 <= margin < 1.0:
        raise ConfigError(f"--margin must be a share of questions from 0 to below 1, for example 0.02; got {margin:g}")
    config = load_config(run.config)
    names = [one.name for one in config.students]
    if student is None and len(names) > 1:
        raise ConfigError(f"--student: say which one; there are {', '.join(names)}")
    chosen = student or names[0]
    if chosen not in names:
        raise ConfigError(f"--student {chosen}: no such student; there are {', '.join(names)}")
    afterwards = RunFolder(os.path.join(run.path, FOLDER))
    found = gate_of_run(run, config, chosen, afterwards if exists(afterwards.config) else None, margin)
    from skillray.report.terminal import gate_table

    print(gate_table(chosen, found))
    return 0 if found.is_open else 2
