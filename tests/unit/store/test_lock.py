"""One writer a run: with real processes, and in 100 seeded interleavings of simulated ones."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from skillray.errors import LockedError, StaleWriterError, StorageError
from skillray.store import files
from skillray.store.disk import DRAFT, LocalStorage, RealDisk, draft_path
from skillray.store.fence import UNFENCED, Fence, newest_epoch, take_epoch
from skillray.store.lock import PATIENCE_S, Holder, RunLock, writing
from tests.unit.store.simulated import Faults, SimulatedDisk

QUICK = {"patience_s": 1.5, "beat_s": 0.1}
WRITER = """
import sys, time
from skillray.cli.main import guarded
from skillray.store.lock import writing
run = sys.argv[1]
def write():
    with writing(run, patience_s=1.5, beat_s=0.1) as fence:
        for n in range(10**6):
            fence.create(f"{run}/made/{fence.epoch}-{n:06d}", b"x" * 100)
            if n == 0:
                print("writes", flush=True)
            time.sleep(0.005)
sys.exit(guarded(write))
"""


@pytest.fixture
def run(tmp_path) -> str:
    return str(tmp_path / "run")


@pytest.fixture
def writer(run):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, run], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writes\n"
    yield process
    process.kill()
    process.wait()


def test_a_lock_shows_who_writes_and_goes_with_the_writer(run):
    with writing(run) as fence:
        assert fence == Fence(run, 1)
        holder = files.read_json(f"{run}/lock.json")["holder"]
        assert holder["pid"] == os.getpid() and holder["host"]
    assert os.listdir(run) == ["epochs"]
    with writing(run) as fence:
        assert fence.epoch == 2


def test_a_second_writer_is_told_who_holds_the_run(run, writer):
    start = time.monotonic()
    with pytest.raises(LockedError, match=rf"{run} is being written by \S+ process {writer.pid}, since 20.* UTC: "):
        RunLock(run, patience_s=30.0, beat_s=0.1).acquire()
    assert time.monotonic() - start < 30.0  # it moves: nobody waits out the patience
    assert newest_epoch(run) == 1 and writer.poll() is None


def test_the_command_says_it_in_one_line_with_exit_code_2(run, writer, tmp_path):
    config = Path("jobs/recipes/quickstart.yaml").resolve()
    command = [sys.executable, "-m", "skillray", "run", str(config), "--run-dir", run]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"HOME": str(tmp_path)})
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"process {writer.pid}" in done.stderr and "use another --run-dir" in done.stderr
    assert not os.path.exists(f"{run}/config.yaml")


def test_the_run_of_a_killed_writer_is_taken_over_at_once(run, writer):
    writer.kill()
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie until somebody asks for it
    start = time.monotonic()
    with writing(run) as fence:
        assert fence.epoch == 2 and time.monotonic() - start < PATIENCE_S / 2
        assert not [name for _, _, names in os.walk(run) for name in names if DRAFT.search(name)]


@pytest.mark.parametrize("seed", range(3))
def test_a_paused_writer_that_wakes_up_commits_nothing(run, writer, seed):
    time.sleep(random.Random(seed).random() / 10)
    writer.send_signal(signal.SIGSTOP)
    told: list[str] = []
    with writing(run, told.append, **QUICK) as fence:
        assert fence.epoch == 2
        assert len(told) == 1 and f"no sign of {Holder().host} process {writer.pid}" in told[0]
        made = set(os.listdir(f"{run}/made"))
        writer.send_signal(signal.SIGCONT)
        assert writer.wait(timeout=20) == 1
        error = writer.stderr.read()
        assert error.count("\n") == 1 and f"process {os.getpid()} took over; this process stops" in error
        late = set(os.listdir(f"{run}/made")) - made
        assert len(late) <= 1  # one, had it been stopped exactly between its last look and the link
        time.sleep(0.3)
        assert files.read_json(f"{run}/lock.json")["holder"]["pid"] == os.getpid()  # nor did it touch the lock


def test_a_stale_fence_refuses_every_kind_of_commit(run, tmp_path):
    from skillray.coordinator.fleet import StatusFile
    from skillray.store.schemas import GAPS
    from skillray.store.tables import Table
    from skillray.teacher.reply_log import Entry, ReplyLog
    from skillray.teacher.tasks import Outcome, Reply

    stale, rows = Fence(run, 1), GAPS.empty_table()
    assert take_epoch(run, 1, {"host": "a", "pid": 1}) and take_epoch(run, 2, {"host": "b", "pid": 2})
    good = Table(f"{run}/shared/gaps")
    good.write(rows, fence=Fence(run, 2))
    RunLock(run).beat(Fence(run, 2))
    (tmp_path / "draft").mkdir()
    entry = Entry(key=bytes(16), task="solve", model="m", request="{}", asked_by="", reply=Reply(outcome=Outcome.OK))
    commits: list[Callable[[], object]] = [
        lambda: Table(f"{run}/a/gaps").write_part("000000.parquet", rows, fence=stale),
        lambda: Table(f"{run}/a/gaps").seal([], fence=stale),
        lambda: Table(f"{run}/a/gaps").link(good, fence=stale),
        lambda: ReplyLog(f"{run}/teacher", stale).append([entry]),
        lambda: StatusFile(f"{run}/status.json", "r", stale).save(),
        lambda: stale.publish_folder(str(tmp_path / "draft"), f"{run}/checkpoint", {}),
        lambda: RunLock(run).beat(stale),
    ]
    before = sorted(str(path) for path in Path(run).rglob("*") if path.is_file())
    for commit in commits:
        with pytest.raises(StaleWriterError, match="b process 2 took over; this process stops"):
            commit()
    RunLock(run).release(stale)
    assert sorted(str(path) for path in Path(run).rglob("*") if path.is_file()) == before
    UNFENCED.check()


@pytest.mark.parametrize("kind", ["put", "create", "publish"])
@pytest.mark.parametrize("taken", [True, False])
def test_a_writer_whose_draft_was_removed_hears_first_whether_it_is_stale(run, tmp_path, kind, taken):
    """Who takes a run over removes drafts, also that of a writer which was paused between two calls."""

    class Swept(RealDisk):
        def sync(self, path: str) -> None:
            if DRAFT.search(path) or path == str(tmp_path / "draft"):
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            super().sync(path)

    assert take_epoch(run, 1, {"host": "a", "pid": 1})
    if taken:
        assert take_epoch(run, 2, {"host": "b", "pid": 2})
    fence, storage = Fence(run, 1), LocalStorage(Swept())
    (tmp_path / "draft").mkdir()
    with pytest.raises(StaleWriterError if taken else StorageError, match="took over" if taken else "No such file"):
        match kind:
            case "publish":
                storage.publish(str(tmp_path / "draft"), f"{run}/made", b"{}", fence.check)
            case _:
                getattr(storage, kind)(f"{run}/made", b"x", fence.check)
    assert not os.path.exists(f"{run}/made")


def test_what_replaced_workers_left_is_removed_at_the_end(run):
    with writing(run):
        os.makedirs(f"{run}/shared")
        Path(draft_path(f"{run}/shared/part")).write_bytes(b"half")
    assert os.listdir(f"{run}/shared") == []


def test_a_holder_elsewhere_is_never_taken_for_gone():
    assert not Holder().gone()
    assert Holder(pid=2**22 + 1).gone()  # no such process
    assert Holder(birth="1").gone()  # another one, with the same number
    assert not Holder(pid=2**22 + 1, machine="another boot pid:[1]").gone()
    assert not Holder(pid=2**22 + 1, machine="").gone()


class Schedule:
    """Threads of which one runs at a time: who goes on is drawn at every operation, and time passes when all sleep."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.time = 0.0
        self.names: dict[threading.Thread, str] = {}
        self._turns: dict[threading.Thread, threading.Semaphore] = {}
        self._wakes: dict[threading.Thread, float] = {}
        self._back = threading.Semaphore(0)

    def add(self, name: str, program: Callable[[], None]) -> None:
        def start() -> None:
            self._turns[thread].acquire()
            try:
                program()
            finally:
                del self._wakes[thread]
                self._back.release()

        thread = threading.Thread(target=start, daemon=True)
        self.names[thread], self._turns[thread], self._wakes[thread] = name, threading.Semaphore(0), 0.0
        thread.start()

    def run(self) -> None:
        while self._wakes:
            ready = [thread for thread, wake in self._wakes.items() if wake <= self.time]
            if not ready:
                self.time = min(self._wakes.values())
                continue
            self._turns[self.rng.choice(ready)].release()
            assert self._back.acquire(timeout=30), "a program hangs"

    def sleep(self, seconds: float) -> None:
        thread = threading.current_thread()
        self._wakes[thread] = self.time + seconds
        self._back.release()
        self._turns[thread].acquire()

    def step(self) -> None:
        """Any operation: others may go on meanwhile, and now and then the process is stopped for long."""
        self.sleep(self.rng.uniform(20, 400) if self.rng.random() < 0.02 else 0.0)


class SharedDisk(SimulatedDisk):
    """Notes, for every file that appears, who made it and what the newest epoch was."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(Faults(schedule.rng))
        self.schedule = schedule
        self.appeared: list[tuple[str, str, int]] = []

    def _note(self, target: str) -> None:
        newest = max((int(path[-8:]) for path in self.files() if "/epochs/" in path and path[-8:].isdigit()), default=0)
        self.appeared.append((self.schedule.names[threading.current_thread()], target, newest))

    def sync(self, path: str) -> None:
        self.schedule.step()
        super().sync(path)

    def is_file(self, path: str) -> bool:
        self.schedule.step()
        return super().is_file(path)

    def link(self, source: str, target: str) -> None:
        self.schedule.step()
        super().link(source, target)
        self._note(target)

    def replace(self, source: str, target: str) -> None:
        self.schedule.step()
        super().replace(source, target)
        self._note(target)


class Driver:
    """A process that writes a run: what it makes depends on the run alone, what it says also on itself."""

    STEPS = 4

    def __init__(self, name: str, schedule: Schedule, ends: Counter[str]) -> None:
        self.schedule, self.name, self.ends = schedule, name, ends
        self.epoch = 0
        holder = Holder(host=name, pid=1, started="", machine="", birth="", token=name)
        self.lock = RunLock("/run", holder=holder, now=lambda: schedule.time, sleep=schedule.sleep)

    def __call__(self) -> None:
        self.schedule.sleep(self.schedule.rng.uniform(0, 100))
        try:
            fence = self.lock.acquire()
            self.epoch = fence.epoch
            for step in range(self.STEPS):
                self.schedule.sleep(4.0)
                self.lock.beat(fence)
                fence.create(f"/run/parts/{step}", f"part {step}".encode())
                fence.commit_json("/run/status.json", {"epoch": fence.epoch, "step": step})
            self.lock.release(fence)
        except (LockedError, StaleWriterError) as error:
            self.ends[type(error).__name__] += 1
        else:
            self.ends["done"] += 1


def test_a_hundred_interleavings_of_three_drivers(monkeypatch):
    """At most one commit of a writer that was overtaken comes late, and none after it knows; nothing is replaced."""
    ends: Counter[str] = Counter()
    for seed in range(100):
        schedule = Schedule(seed)
        disk = SharedDisk(schedule)
        storages = {name: LocalStorage(disk) for name in ("a", "b", "c")}
        monkeypatch.setattr(
            files, "storage_of", lambda path, s=storages, n=schedule.names: s[n[threading.current_thread()]]
        )
        drivers = [Driver(name, schedule, ends) for name in storages]
        for driver in drivers:
            schedule.add(driver.name, driver)
        schedule.run()
        look(disk, drivers, ends)
    print(dict(ends))
    assert sum(ends.values()) - ends["late commits"] == 300
    assert min(ends["done"] - 100, ends["LockedError"], ends["StaleWriterError"], ends["late commits"]) > 5


def look(disk: SharedDisk, drivers: list[Driver], ends: Counter[str]) -> None:
    contents = disk.files()
    epochs = sorted(driver.epoch for driver in drivers if driver.epoch)
    taken = [int(path[-8:]) for path in contents if "/epochs/" in path]
    assert len(set(epochs)) == len(epochs)  # no epoch was given twice
    assert sorted(taken) == list(range(1, len(taken) + 1))
    assert all(contents[f"/run/parts/{step}"] == f"part {step}".encode() for step in range(Driver.STEPS))
    created = [path for _, path, _ in disk.appeared if "/parts/" in path or "/epochs/" in path]
    assert len(set(created)) == len(created)  # nothing that is immutable was replaced
    for driver in drivers:
        late = [path for name, path, newest in disk.appeared if name == driver.name and 0 < driver.epoch < newest]
        ends["late commits"] += len(late)
        assert len([path for path in late if "/epochs/" not in path]) <= 1
