"""The commit protocol on storage that lies: whatever crashes, and whatever that leaves, nothing wrong is ever read.

One `work` is what a process does with a run folder: take an epoch, write parts and seal them, link a table, append to
the reply log, publish a checkpoint, say where it is. It is crashed at every operation; what the crash leaves is drawn
many times; each time it is checked, and `work` runs again, or crashes again. Seeded; counts are printed with -s.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skillray.errors import SkillrayError
from skillray.store import files, tables
from skillray.store.bucket import ObjectStorage
from skillray.store.disk import DRAFT, LocalStorage
from skillray.store.fence import Fence, newest_epoch, take_epoch
from skillray.store.schemas import GAPS
from skillray.store.storage import Storage
from skillray.store.tables import Table, encode
from skillray.teacher import reply_log
from skillray.teacher.reply_log import Entry, ReplyLog
from skillray.teacher.reply_log import _as_rows as as_rows
from skillray.teacher.tasks import Outcome, Reply
from skillray.types import content_id
from tests.faults.table import Outcome as FaultOutcome
from tests.unit.store.simulated import Crash, Faults, Folder, SimulatedBucket, SimulatedDisk

SEED = 20261125
RUN = "/disk/run"
TABLE, LINKED = Table(f"{RUN}/shared/1/gaps"), Table(f"{RUN}/students/a/gaps")
LOG = f"{RUN}/teacher/replies/000"
CHECKPOINT = f"{RUN}/students/a/checkpoint"
STATUS = f"{RUN}/status.json"
WEIGHTS = {"config.json": b'{"layers": 2}', "model.safetensors": bytes(range(256))}
ROW = {"question_id": bytes(16), "question": "1+1?", "response": "3", "skills": ["sum"], "missing_skills": ["sum"]}
PARTS = {
    f"{n:06d}.parquet": pa.Table.from_pylist([ROW | {"outcome": "ok", "response": str(n)}] * (n + 1), schema=GAPS)
    for n in range(2)
}
BATCHES = [
    [
        Entry(
            key=content_id(n, m),
            task="solve",
            model="m",
            request="{}",
            asked_by="",
            reply=Reply(outcome=Outcome.OK, value=n),
        )
        for m in range(2)
    ]
    for n in range(2)
]
ENCODED = {id(rows): encode(rows) for rows in PARTS.values()}


@lru_cache
def segment(keys: tuple[bytes, ...]) -> bytes:
    return encode(as_rows([entry for batch in BATCHES for entry in batch if entry.key in keys]))


@lru_cache
def decoded(data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data))


@dataclass
class Acknowledged:
    """What a process was told is there for good, over all its lives."""

    paths: set[str] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)
    status: int = 0


def work(told: Acknowledged, draft: Callable[[], str], takes_over: bool) -> None:
    """One life of a process, from its start to the end of the run: a new driver, or a worker that was started again."""
    fence = take_over() if takes_over else Fence(RUN, newest_epoch(RUN))
    say(fence, told, "started")
    if not TABLE.complete():
        TABLE.seal([part_of(name, fence, told) for name in PARTS], fence=fence)
        told.paths.add(TABLE.manifest_path)
    if not LINKED.complete():
        LINKED.link(TABLE, fence=fence)
        told.paths.add(LINKED.manifest_path)
    log = ReplyLog(LOG, fence)
    for batch in BATCHES:
        log.append([entry for entry in batch if log.look_up(entry.key) is None])
        told.keys |= {entry.key for entry in batch}
    if not files.stands(f"{CHECKPOINT}/manifest.json"):
        fence.publish_folder(draft(), CHECKPOINT, {"files": sorted(WEIGHTS)})
        told.paths |= {f"{CHECKPOINT}/{name}" for name in (*WEIGHTS, "manifest.json")}
    say(fence, told, "done")


def take_over() -> Fence:
    epoch = newest_epoch(RUN) + 1
    assert take_epoch(RUN, epoch, {"host": "h", "pid": epoch})
    files.recover(RUN)
    return Fence(RUN, epoch)


def part_of(name: str, fence: Fence, told: Acknowledged) -> tables.Part:
    part = TABLE.found_part(name)
    if part is None:
        part = TABLE.write_part(name, PARTS[name], fence=fence)
        told.paths.add(TABLE.part_path(name))
    return part


def say(fence: Fence, told: Acknowledged, state: str) -> None:
    step = told.status + 1
    fence.commit_json(STATUS, {"step": step, "state": state})
    told.status = step


def check(contents: dict[str, bytes], told: Acknowledged) -> None:
    """Complete or absent; what was acknowledged is there; no wrong byte can be read."""
    for path, data in contents.items():
        if not is_draft(path):
            check_file(path, data)
    assert told.paths <= contents.keys()
    if told.status:
        assert files.read_json(STATUS)["step"] >= told.status
    for table in (TABLE, LINKED):
        if table.complete():
            assert table.num_rows() == sum(rows.num_rows for rows in PARTS.values())
            table.verify()
    log = ReplyLog(LOG, Fence(RUN, 10**6))
    assert {key: log.look_up(key).value for key in told.keys} == {
        entry.key: entry.reply.value for batch in BATCHES for entry in batch if entry.key in told.keys
    }
    if f"{CHECKPOINT}/manifest.json" in contents:
        assert all(contents[f"{CHECKPOINT}/{name}"] == data for name, data in WEIGHTS.items())


def is_draft(path: str) -> bool:
    """In a draft, or one itself: no reader looks there."""
    return ".tmp" in path and any(DRAFT.search(name) for name in path.split("/"))


def check_file(path: str, data: bytes) -> None:
    name = path.rpartition("/")[2]
    if path.startswith(f"{TABLE.folder}/parts"):
        assert data == ENCODED[id(PARTS[name])], path
    elif path.startswith(LOG):
        decoded(data)
    elif path.startswith(CHECKPOINT) and name in WEIGHTS:
        assert data == WEIGHTS[name], path
    else:
        json.loads(data)


class World:
    """A kind of storage, the processes that live on it, and what happens to both."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.faults = Faults(rng)

    def storage(self) -> Storage:
        """As a new process sees it."""
        raise NotImplementedError

    def contents(self) -> dict[str, bytes]:
        raise NotImplementedError

    def draft(self) -> str:
        """A local folder with what `save_pretrained` writes; not synced."""
        raise NotImplementedError


class DiskWorld(World):
    def __init__(self, rng: random.Random, root: Folder | None = None) -> None:
        super().__init__(rng)
        self.disk = SimulatedDisk(self.faults)
        if root is not None:
            self.disk.root = root

    def storage(self) -> Storage:
        return LocalStorage(self.disk)

    def contents(self) -> dict[str, bytes]:
        return self.disk.files()

    def draft(self) -> str:
        draft = f"{CHECKPOINT}.{self.rng.getrandbits(128):032x}.tmp"
        at, self.faults.at = self.faults.at, None
        self.disk.make_folder(draft)
        for name, data in WEIGHTS.items():
            self.disk.write(f"{draft}/{name}", data)
        self.faults.at = at
        return draft


class BucketWorld(World):
    def __init__(self, rng: random.Random, local: Path, objects: dict[str, bytes] | None = None) -> None:
        super().__init__(rng)
        self.bucket = SimulatedBucket(self.faults)
        self.bucket.objects = dict(objects or {})
        self.local = local

    def storage(self) -> Storage:
        return ObjectStorage("", self.bucket)

    def contents(self) -> dict[str, bytes]:
        return {f"/{key}": data for key, data in self.bucket.objects.items()}

    def draft(self) -> str:
        return str(self.local)


def as_new_process(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """From here on every path is in `world`, and nothing that a process remembers of it is known."""
    storage = world.storage()
    monkeypatch.setattr(files, "storage_of", lambda path: storage)


class Lives:
    """Runs `work` in worlds, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        self.since = time.monotonic()
        self._patch = monkeypatch
        # Parquet would take most of the time, and what the same rows or bytes give is the same.
        monkeypatch.setattr(tables, "encode", lambda rows: ENCODED[id(rows)])
        monkeypatch.setattr(tables, "conform", lambda rows, schema, where: rows)
        monkeypatch.setattr(tables, "_part", lru_cache(tables._part))
        monkeypatch.setattr(reply_log, "encode", lambda rows: rows)
        monkeypatch.setattr(reply_log, "_as_rows", lambda entries: segment(tuple(entry.key for entry in entries)))
        monkeypatch.setattr(reply_log, "read_part", lambda path, columns: decoded(files.read_bytes(path)))

    def live(
        self, world: World, told: Acknowledged, at: int | None = None, kind: str = "crash", takes_over: bool = True
    ) -> str:
        """How it ended: done, crash or error."""
        as_new_process(self._patch, world)
        world.faults.count, world.faults.at, world.faults.kind = 0, at, kind
        try:
            work(told, world.draft, takes_over)
        except Crash:
            return "crash"
        except SkillrayError as error:
            assert "\n" not in str(error)
            return "error"
        return "done"

    def look(self, world: World, told: Acknowledged, what: str) -> None:
        """One more state that is as it must be, as a new process sees it."""
        world.faults.at = None
        as_new_process(self._patch, world)
        check(world.contents(), told)
        self.counts[what] += 1

    def end_well(self, world: World, told: Acknowledged) -> None:
        """The run that nothing disturbs any more ends with what a run that nothing ever disturbed would have made."""
        assert self.live(world, told) == "done"
        self.look(world, told, "runs that ended well")
        assert files.read_json(STATUS)["state"] == "done"
        assert [part.sha256 for part in TABLE.parts()] == EXPECTED
        contents = world.contents()
        assert not [path for path in contents if is_draft(path)]

    def tell(self, outcomes: list[FaultOutcome], fault: str, injected: int) -> None:
        """A row for the table of faults; whoever gets here has found nothing wrong."""
        seconds = time.monotonic() - self.since
        outcomes.append(
            FaultOutcome(
                fault=fault, seeds=str(SEED), injected=injected, recovered=injected, lost=0, seconds=seconds, equal=True
            )
        )


EXPECTED = [tables._part(name, ENCODED[id(rows)]).sha256 for name, rows in PARTS.items()]


@pytest.fixture
def lives(monkeypatch) -> Iterator[Lives]:
    made = Lives(monkeypatch)
    yield made
    print(f"seed {SEED}:", ", ".join(f"{count} {what}" for what, count in sorted(made.counts.items())))


def operations(lives: Lives, world: World) -> int:
    """That change something, in a run that nothing disturbs."""
    assert lives.live(world, Acknowledged()) == "done"
    return world.faults.count


def test_a_disk_that_crashes_and_loses_what_was_not_synced(lives, outcomes):
    """10,000 states: after every operation, the process dies or the power goes, again and again, then work ends."""
    rng = random.Random(SEED)
    total = operations(lives, DiskWorld(rng))
    while lives.counts["states after a crash"] < 10_000:
        for at in range(1, total + 1):
            crash_and_go_on(lives, rng, at)
    lives.tell(outcomes, "disk: process or power dies at any operation", lives.counts["states after a crash"])


def crash_and_go_on(lives: Lives, rng: random.Random, at: int) -> None:
    world, told = DiskWorld(rng), Acknowledged()
    ended = lives.live(world, told, at)
    while ended == "crash":
        power_loss = rng.random() < 0.7
        if power_loss:
            world = DiskWorld(rng, world.disk.after_power_loss(rng))
        lives.look(world, told, "states after a crash")
        if rng.random() < 0.4:
            break
        ended = lives.live(world, told, rng.randint(1, 90), takes_over=power_loss or rng.random() < 0.5)
    lives.end_well(world, told)


@pytest.mark.parametrize("kind", ["enospc", "eio"])
def test_a_disk_that_fails_at_any_operation(lives, kind, outcomes):
    """The run stops with one line; then the power may go too; the next run ends well."""
    rng = random.Random(SEED)
    total = operations(lives, DiskWorld(rng))
    for at in range(1, total + 1):
        for _ in range(5):
            world, told = DiskWorld(rng), Acknowledged()
            lives.counts[f"runs that {kind} stopped"] += lives.live(world, told, at, kind) == "error"
            lives.look(world, told, "states after a failure")
            if rng.random() < 0.7:
                world = DiskWorld(rng, world.disk.after_power_loss(rng))
                lives.look(world, told, "states after a failure")
            lives.end_well(world, told)
    stopped = lives.counts[f"runs that {kind} stopped"]
    assert stopped > total
    lives.tell(outcomes, f"disk: {kind.upper()} at any operation", stopped)


def test_a_bucket_whose_clients_die_whose_answers_are_lost_and_whose_listings_are_late(lives, tmp_path, outcomes):
    rng = random.Random(SEED)
    for name, data in WEIGHTS.items():
        (tmp_path / name).write_bytes(data)
    total = operations(lives, BucketWorld(rng, tmp_path))
    while lives.counts["states"] < 2_000:
        for at, kind in itertools.product(range(1, total + 1), ("crash", "down", "lost_reply")):
            world, told = BucketWorld(rng, tmp_path), Acknowledged()
            world.bucket.late = rng.random() < 0.5
            lives.counts[f"runs: {kind}, {lives.live(world, told, at, kind)}"] += 1
            lives.look(world, told, "states")
            world = BucketWorld(rng, tmp_path, world.bucket.objects)
            world.bucket.late, world.bucket.recent = rng.random() < 0.5, list(world.bucket.objects)
            lives.end_well(world, told)
    lives.tell(outcomes, "bucket: client dies, is down, or gets no answer", lives.counts["states"])


PATH = f"{RUN}/students/a/study.json"


@pytest.mark.parametrize(
    "told_that_it_stands",
    [
        lambda: files.create(PATH, b"once"),
        lambda: files.stands(PATH),
        lambda: files.recover(RUN) or files.exists(PATH),
        lambda: files.settle(f"{RUN}/students/a") or files.exists(PATH),
    ],
    ids=["create", "stands", "recover", "settle"],
)
def test_what_a_process_is_told_stands_though_its_writer_died(monkeypatch, told_that_it_stands):
    """The writer dies after each operation of a `create`; a second process builds on the file; then the power goes."""
    rng, found = random.Random(SEED), 0
    for at in range(1, 20):
        world = DiskWorld(rng)
        as_new_process(monkeypatch, world)
        world.faults.count, world.faults.at = 0, at
        with contextlib.suppress(Crash):
            files.create(PATH, b"once")
        world.faults.at = None
        as_new_process(monkeypatch, world)
        if told_that_it_stands():
            found += 1
            for _ in range(20):
                after = DiskWorld(rng, world.disk.after_power_loss(rng))
                assert after.contents()[PATH] == b"once"
    assert found
