"""`skillray run`: check everything that can be checked before Ray starts, then launch."""

from __future__ import annotations

import os
import sys
import time

from skillray.cli.progress import Display
from skillray.config import RunConfig, dump_config, load_config, refuse_changes
from skillray.errors import ConfigError, TableError
from skillray.loop.inputs import refuse_changed_inputs
from skillray.loop.preflight import preflight
from skillray.store.fence import Fence
from skillray.store.files import exists, is_url, names_in
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.store.records import Status, read_record


def run_config(config: RunConfig, run_dir: str | None) -> int:
    """Exit code."""
    run = run_folder(os.path.join("runs", config.name) if run_dir is None else run_dir)
    if _nothing_to_do(run, config):
        print(f"{run.path} is complete: nothing to do")
        return _finish(run)
    preflight(config, run)
    make_folder(run)
    started = time.monotonic()
    with writing(run.path, tell=lambda line: print(line, file=sys.stderr)) as fence:
        _refuse_changes(run, config)  # again, now that nobody else can write it
        fence.commit(run.config, dump_config(config).encode())
        good = _launch(config, fence)
    print(f"finished in {time.monotonic() - started:.0f} s")
    return _finish(run) if good else _finish(run) or 1


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


def _launch(config: RunConfig, fence: Fence) -> bool:
    from skillray.on_ray.environment import prepare

    prepare(config.cluster.address)
    from skillray.on_ray.launch import launch  # after prepare: ray's core reads the environment at import

    try:
        with Display() as display:
            return launch(config, fence, display.show)
    except ConnectionError:
        raise no_cluster(config.cluster.address) from None


def no_cluster(address: str) -> ConfigError:
    return ConfigError(f"cluster.address {address!r}: no Ray cluster answers there; start one, or use 'local'")


def _nothing_to_do(run: RunFolder, config: RunConfig) -> bool:
    """Whether an earlier command with the same students and rounds ended well; refuses a changed identity."""
    before = _refuse_changes(run, config)
    if before is None:
        return False
    names, rounds = {student.name for student in before.students}, before.rounds
    same = names == {student.name for student in config.students} and rounds == config.rounds
    try:
        return same and read_record(run.status, Status).state == "done" and exists(run.summary) and exists(run.report)
    except TableError:
        return False  # killed before it could say anything


def _refuse_changes(run: RunFolder, config: RunConfig) -> RunConfig | None:
    """The config that the run was last started with, if it was; refuses other settings, and inputs that changed."""
    if not exists(run.config):
        return None
    before = load_config(run.config)
    refuse_changes(before, config, run.path)
    refuse_changed_inputs(run, config)
    return before


def _finish(run: RunFolder) -> int:
    from skillray.report import tables

    if exists(run.summary):
        print(tables(run))
        print(f"report: {run.report}")
    for name, student in read_record(run.status, Status).students.items():
        if student.state == "failed":
            print(f"student {name} failed: {student.error} (more in {run.file('logs')})")
    return 0
