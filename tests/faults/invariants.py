"""What must hold after every fault, whatever was killed: one function that every fault test calls.

I1 nothing acknowledged or committed is missing     I6 the decisions follow from the tables
I2 no key twice                                     I7 no commit of a writer that was replaced
I3 every manifest verifies                          I8 nothing is left: drafts, locks, processes, actors, apps
I4 what goes in comes out, stage by stage           I9 no secret in any file
I5 the tables of a run that was not disturbed       I10 the teacher's own history agrees
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skillray.config import RunConfig, load_config
from skillray.errors import SkillrayError
from skillray.loop.study import make_plan, orders_table
from skillray.store.files import names_in, read_json
from skillray.store.layout import RunFolder
from skillray.store.tables import Table, read_part
from skillray.training.checkpoint import verify_checkpoint, weights_hash
from skillray.types import seed_for
from tests.faults.nemesis import Strike, standing

CLOCK_S = 0.1
"""Two times of one machine's files are not compared more finely."""


@dataclass(frozen=True)
class Asked:
    """One call that reached the teacher, by its own history."""

    at: float
    key: bytes


@dataclass
class Found:
    """What the checker saw."""

    violations: list[str]
    lost: int
    """Committed files that are gone or changed, and acknowledged replies that are gone."""
    repeated: int
    """Calls beyond one a key: they were under way when something was killed."""
    equal: bool
    """I5."""


def check(run: RunFolder, reference: RunFolder | None, strikes: Sequence[Strike], asked: Sequence[Asked]) -> Found:
    """Everything about the files of `run`, which has ended; `left_behind` looks at what still runs.

    Without a reference, a run that nobody disturbed, I5 is left out.
    """
    lost, unequal = list(_missing(run, strikes)), list(_unequal(run, reference)) if reference else []
    checks: tuple[Callable[[RunFolder], Iterator[str]], ...] = (
        _twice,
        _unverified,
        _unaccounted,
        _undecided,
        _stale,
        _drafts,
        _secrets,
    )
    others = [line for each in checks for line in each(run)]
    history = list(_paid_again(run, asked, kills=len(strikes)))
    repeated = len(asked) - len({call.key for call in asked})
    return Found([*lost, *unequal, *others, *history], len(lost), repeated, not unequal)


def history(folder: Path, app: str) -> list[Asked]:
    lines = [line for path in folder.glob(f"{app}-*.jsonl") for line in path.read_text().splitlines()]
    calls = [json.loads(line) for line in lines]
    return [Asked(call["at"], bytes.fromhex(key)) for call in calls for key in call["keys"]]


def tables(run: RunFolder) -> dict[str, Table]:
    """Every sealed table, by its place."""
    manifests = sorted(Path(run.path).rglob("manifest.json"))
    places = [path.parent for path in manifests if path.parent.name != "checkpoint"]
    return {str(place.relative_to(run.path)): Table(str(place)) for place in places}


def replies(run: RunFolder) -> list[tuple[Path, bytes]]:
    """(segment, key) of every acknowledged reply."""
    segments = sorted(Path(run.path, "teacher", "replies").rglob("*.parquet"))
    return [(path, key) for path in segments for key in read_part(str(path), ["key"])["key"].to_pylist()]


def checkpoints(run: RunFolder) -> list[str]:
    return sorted(str(path) for path in Path(run.path, "students").glob("*/round-*/checkpoint"))


def _missing(run: RunFolder, strikes: Sequence[Strike]) -> Iterator[str]:
    now = standing(run)
    for strike in strikes:
        for place, digest in strike.standing.items():
            if now.get(place) != digest:
                became = "other" if place in now else "gone"
                yield f"I1 {place} stood when the {strike.victim} was killed, and is {became}"


def _twice(run: RunFolder) -> Iterator[str]:
    for key, count in Counter(key for _, key in replies(run)).items():
        if count > 1:
            yield f"I2 reply {key.hex()} is in the log {count} times"


def _unverified(run: RunFolder) -> Iterator[str]:
    verify: list[Callable[[], None]] = [table.verify for table in tables(run).values()]
    verify += [lambda folder=folder: verify_checkpoint(folder) for folder in checkpoints(run)]
    for each in verify:
        try:
            each()
        except SkillrayError as error:
            yield f"I3 {error}"


def _unaccounted(run: RunFolder) -> Iterator[str]:
    for student in load_config(run.config).students:
        yield from _answered_all(run, run.base(student.name).table("scores"), "held_out")
        for path in sorted(Path(run.path, "students", student.name).glob("round-*")):
            folder = run.round(student.name, int(path.name[-3:]))
            for name, split in (("scores", "held_out"), ("graded", "profile"), ("rollouts", "profile")):
                yield from _answered_all(run, folder.table(name), split)
            gaps, graded = folder.table("gaps"), folder.table("graded")
            if gaps.complete() and gaps.num_rows() != sum(_column(graded, "difficult")):
                yield f"I4 {gaps.folder}: not one row for every difficult question"
            for place in names_in(folder.path):
                segment = folder.folder(place)
                if not place.startswith(("segment-", "probe")):
                    continue
                learning, schedule = segment.table("learning"), segment.table("schedule")
                if learning.complete() and _slots(learning) != _slots(schedule):
                    yield f"I4 {learning.folder}: not what the schedule says"


def _answered_all(run: RunFolder, table: Table, split: str) -> Iterator[str]:
    if table.complete() and _column(table, "question_id") != _column(run.questions(split), "question_id"):
        yield f"I4 {table.folder}: not one row for every question of {split}"


def _column(table: Table, name: str) -> list[Any]:
    values: list[Any] = table.read([name])[name].to_pylist()
    return sorted(values)


def _slots(table: Table) -> list[tuple[Any, ...]]:
    rows = table.read(["step", "slot", "example_id"]).to_pylist()
    return sorted((row["step"], row["slot"], row["example_id"]) for row in rows)


def _unequal(run: RunFolder, reference: RunFolder) -> Iterator[str]:
    ours, theirs = tables(run), tables(reference)
    for place in sorted({*ours, *theirs}):
        if place not in ours or place not in theirs:
            yield f"I5 {place} is only in the {'undisturbed' if place in theirs else 'disturbed'} run"
        elif ours[place].fingerprint() != theirs[place].fingerprint():
            yield f"I5 {place} is not that of the undisturbed run"
    hashes = [[weights_hash(folder) for folder in checkpoints(each)] for each in (run, reference)]
    if hashes[0] != hashes[1]:
        yield "I5 the checkpoints are not those of the undisturbed run"
    if _results(run) != _results(reference):
        yield "I5 summary.json is not that of the undisturbed run"


def _results(run: RunFolder) -> Any:
    """summary.json without what is of time."""
    summary = read_json(run.summary)
    for student in summary["students"].values():
        for entry in student["rounds"]:
            entry.pop("seconds", None)
    return summary


def _undecided(run: RunFolder) -> Iterator[str]:
    """Round 0's orders, asked for again."""
    config: RunConfig = load_config(run.config)
    for student in config.students:
        folder, seed = run.round(student.name, 0), seed_for(config.seed, "plan", 0)
        plan = make_plan(student.stage(0).curriculum, run.questions("pool"), folder.table("gaps"), {}, seed)
        if orders_table(plan) != folder.segment().table("orders").read():
            yield f"I6 {student.name}: the orders do not follow from the gaps"


def _stale(run: RunFolder) -> Iterator[str]:
    # When its name was linked: it was written a moment before.
    taken = {int(name): os.stat(run.file("epochs", name)).st_ctime for name in names_in(run.file("epochs"))}
    for path in Path(run.path).rglob("manifest.json"):
        epoch, next_taken = read_json(str(path))["epoch"], taken.get(read_json(str(path))["epoch"] + 1)
        if epoch not in taken:
            yield f"I7 {path}: epoch {epoch} was nobody's"
        elif next_taken is not None and path.stat().st_mtime > next_taken + CLOCK_S:
            yield f"I7 {path}: committed in epoch {epoch} when {epoch + 1} was taken"


def _drafts(run: RunFolder) -> Iterator[str]:
    for path in Path(run.path).rglob("*"):
        if path.name.endswith(".tmp") or path.name in ("progress", "train", "lock.json"):
            yield f"I8 {path} is left"


def _secrets(run: RunFolder) -> Iterator[str]:
    token = Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_bytes()
    for path in Path(run.path).rglob("*"):
        if path.is_file() and token in path.read_bytes():
            yield f"I9 {path} holds the cluster's token"


def _paid_again(run: RunFolder, asked: Sequence[Asked], kills: int) -> Iterator[str]:
    segments = {key: path for path, key in replies(run)}
    acknowledged = {path: path.stat().st_mtime for path in set(segments.values())}
    for key in sorted(segments.keys() - {call.key for call in asked}):
        yield f"I10 reply {key.hex()} is in the log, and the teacher knows nothing of it"
    for call in asked:
        if call.key not in segments:
            yield f"I10 the teacher was asked {call.key.hex()}, and no reply is in the log"
        elif call.at > acknowledged[segments[call.key]] + CLOCK_S:
            yield f"I10 {call.key.hex()} was asked {call.at - acknowledged[segments[call.key]]:.1f} s after its reply"
    worst = Counter(call.key for call in asked).most_common(1)
    if worst and worst[0][1] > kills + 1:
        yield f"I10 {worst[0][0].hex()} was asked {worst[0][1]} times, and only {kills} kills were"
