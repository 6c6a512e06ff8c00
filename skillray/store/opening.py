"""A folder that a user names: is it a run, can it become one, has its run begun?"""

from __future__ import annotations

import os

from skillray.errors import ConfigError, DataError
from skillray.store.files import exists, is_url, names_in
from skillray.store.layout import RunFolder


def run_folder(path: str) -> RunFolder:
    """The folder of a run, or one that can become it; `ConfigError` for any other."""
    if not path or "\0" in path:
        raise ConfigError(f"--run-dir {path!r}: give a folder")
    run = RunFolder(path.rstrip("/") if is_url(path) else os.path.abspath(path))
    if os.path.isfile(run.path):
        raise ConfigError(f"--run-dir {path} is a file; give a folder")
    names = names_in(run.path)
    if names and not {"config.yaml", "lock.json", "epochs"} & set(names):
        raise ConfigError(
            f"--run-dir {path} holds other things than a run (no config.yaml); give a new or empty folder"
        )
    return run


def make_folder(run: RunFolder) -> None:
    """A bucket has no folders to make."""
    try:
        if not is_url(run.path):
            os.makedirs(run.path, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--run-dir {run.path} cannot be written ({error.strerror}); give another folder") from None


def existing_run(path: str) -> RunFolder:
    """The folder of a run that was started; `DataError` for any other. It may have died before it did anything."""
    run = RunFolder(path)
    if not exists(run.config):
        raise DataError(f"{path}: no run folder (it has no config.yaml); give the --run-dir of a run")
    return run


def begun_run(path: str) -> RunFolder:
    """The folder of a run that has a status already; `DataError` for any other."""
    run = existing_run(path)
    if not exists(run.status):
        raise DataError(f"{path}: this run has not begun (it has no status.json); start it with skillray run")
    return run
