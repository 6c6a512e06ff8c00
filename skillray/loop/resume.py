"""May a run folder be gone on with, and is there anything left to do in it?"""

from __future__ import annotations

from skillray.config import RunConfig, load_config, refuse_changes
from skillray.errors import TableError
from skillray.loop.inputs import refuse_changed_inputs
from skillray.store.files import exists
from skillray.store.layout import RunFolder
from skillray.store.records import Status, read_record


def started_with(run: RunFolder, config: RunConfig) -> RunConfig | None:
    """The config that the run was last started with, if it was; refuses other settings, and inputs that changed."""
    if not exists(run.config):
        return None
    before = load_config(run.config)
    refuse_changes(before, config, run.path)
    refuse_changed_inputs(run, config)
    return before


def is_complete(run: RunFolder, config: RunConfig) -> bool:
    """True when an earlier command with the same students and rounds ended well; refuses a changed identity."""
    before = started_with(run, config)
    if before is None:
        return False
    names, rounds = {student.name for student in before.students}, before.rounds
    same = names == {student.name for student in config.students} and rounds == config.rounds
    try:
        return same and read_record(run.status, Status).state == "done" and exists(run.summary) and exists(run.report)
    except TableError:
        return False  # killed before it could say anything
