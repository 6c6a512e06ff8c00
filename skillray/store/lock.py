"""One writer a run: a lock that shows who writes and whether it lives, and an epoch that decides.

    RUN/lock.json         who holds the run, and a counter that goes up while it lives; gone when it ended well
    RUN/epochs/NNNNNNNN   see `fence`: what a writer that is no longer the newest commits is refused

The lock is there to be polite: it tells a second command at once that it would disturb, and by whom. What it says may
be old, so nothing is decided by it. The epoch decides: whoever takes a run over takes the next one, exactly one of all
who try gets it, and from then on no other epoch commits.

Nobody compares clocks. Who finds a lock watches its counter: it moves, so the holder lives and the run is refused; or
it has not moved for `PATIENCE_S`, and the run is taken over. A holder on this machine whose process is gone is not
waited for.

The driver (`skillray run`) holds the lock, not the coordinator: it is the first to write (config.yaml), its death ends
the coordinator, which is its actor, and a coordinator that Ray restarts goes on in the same epoch, so that it can adopt
the runners that work. A driver that is paused shows no sign of life while its coordinator works on; when somebody takes
over, all of them are stale together.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from skillray.errors import LockedError, StaleWriterError, StorageError, TableError
from skillray.store import files
from skillray.store.fence import Fence, newest_epoch, take_epoch

BEAT_S = 5.0
"""Seconds between two signs of life."""
PATIENCE_S = 60.0
"""Seconds without a sign before a run is taken over."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that writes a run."""

    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    started: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))
    """Time at which the process started, shown in messages only: clocks are never compared."""
    machine: str = field(default_factory=lambda: _machine())
    """The boot and the namespace of process ids that `pid` belongs to; empty where the system does not tell."""
    birth: str = field(default_factory=lambda: _birth(os.getpid()))
    """Start of the process in the machine's own ticks, which tells it from a later process with the same id."""
    token: str = field(default_factory=lambda: uuid4().hex)

    def __str__(self) -> str:
        return f"{self.host} process {self.pid}, since {self.started}"

    def gone(self) -> bool:
        """True where it is certain; False does not say that it lives."""
        return bool(self.machine) and self.machine == _machine() and _birth(self.pid) != self.birth


@dataclass(frozen=True, slots=True)
class Sign:
    """The content of lock.json."""

    holder: Holder
    beat: int
    """Counter of the holder's signs of life."""

    def to_bytes(self) -> bytes:
        return files.as_json(asdict(self))


@dataclass(slots=True)
class RunLock:
    """The lock of one run. Times and clock are fields so that tests need not wait."""

    run: str
    patience_s: float = PATIENCE_S
    beat_s: float = BEAT_S
    tell: Tell = lambda line: None
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    holder: Holder = field(default_factory=Holder)
    beats: int = 0

    @property
    def path(self) -> str:
        return os.path.join(self.run, "lock.json")

    def acquire(self) -> Fence:
        """Wait until it is clear whether somebody writes the run, and take the next epoch if nobody does.

        Raises:
            LockedError: somebody does.
        """
        while True:
            epoch = newest_epoch(self.run) + 1  # before looking: who takes over meanwhile gets it, and not we
            free = files.create(self.path, Sign(self.holder, 0).to_bytes())
            if not free and not self._silent():
                continue
            if take_epoch(self.run, epoch, asdict(self.holder)):
                fence = Fence(self.run, epoch)
                self.beat(fence)
                return fence

    def beat(self, fence: Fence) -> None:
        """Write one more sign of life. Raises `StaleWriterError` when somebody took over."""
        self.beats += 1
        fence.commit(self.path, Sign(self.holder, self.beats).to_bytes())

    def release(self, fence: Fence) -> None:
        """Remove the lock, so that the next writer need not wait; a lock that somebody took over is left as it is."""
        with contextlib.suppress(StaleWriterError):
            fence.check()
            files.remove(self.path)

    def _silent(self) -> bool:
        """True when the holder is dead, or as good as; False when its lock is gone. `LockedError` when it lives."""
        first, since, told = self._read(), self.now(), False
        while first is not None:
            if first.holder.gone():
                return True
            quiet = self.now() - since
            if quiet >= self.patience_s:
                return True
            if quiet > 2 * self.beat_s and not told:
                told = True
                self.tell(f"{self.run}: no sign of {first.holder}; taking over after {self.patience_s:.0f} s of that")
            self.sleep(self.beat_s / 4)
            seen = self._read()
            if seen is not None and seen != first:
                raise LockedError(
                    f"{self.run} is being written by {seen.holder}: wait for it, stop it, or use another --run-dir"
                )
            first = seen
        return False

    def _read(self) -> Sign | None:
        try:
            content: dict[str, Any] = files.read_json(self.path)
            return Sign(Holder(**content["holder"]), content["beat"])
        except TableError:
            return None


@contextlib.contextmanager
def writing(
    run: str, tell: Tell = lambda line: None, *, patience_s: float = PATIENCE_S, beat_s: float = BEAT_S
) -> Iterator[Fence]:
    """Hold the run folder `run` while the block runs, and show life; drafts that killed writers left are removed, those
    of earlier runs at the start, those of workers that were replaced at the end.

    Raises:
        LockedError: another process writes it.
    """
    lock = RunLock(run, patience_s, beat_s, tell)
    fence = lock.acquire()
    files.recover(run)
    ended = threading.Event()
    heart = threading.Thread(target=_keep_beating, args=(lock, fence, ended), daemon=True)
    heart.start()
    try:
        yield fence
        with contextlib.suppress(StaleWriterError):  # then they are another writer's
            fence.check()
            files.recover(run)
    finally:
        ended.set()
        heart.join()
        lock.release(fence)


def _keep_beating(lock: RunLock, fence: Fence, ended: threading.Event) -> None:
    while not ended.wait(lock.beat_s):
        try:
            lock.beat(fence)
        except StaleWriterError:
            return  # whoever works finds out at its next commit
        except StorageError:
            continue  # the next beat may get through; if none does, somebody takes over, and is right


def _machine() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _birth(pid: int) -> str:
    """Start of a process in clock ticks since boot; empty when there is no such process, or only a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
