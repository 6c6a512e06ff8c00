"""Grading with a hard deadline: child processes that can be killed, each replaced when it is."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from itertools import islice
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Self

from skillray.errors import StageError
from skillray.grading.answers import Verdict, best, quick_comparison
from skillray.grading.checker import READY
from skillray.grading.extract import MAX_RESPONSE, read_answers

START_TIMEOUT_S = 120.0
"""For importing sympy on a crowded node; it takes one or two seconds."""
WALL = 6.0
"""Deadlines that may pass on the clock before a child is given up that uses no CPU, or gets none."""


class AnswerPool:
    """Grades answers; needs no child while exact comparison decides. Safe to call from any thread, one at a time.

    Children are new programs (no fork of a process that holds threads or Ray's sockets), know nothing of our
    environment, and end with us: their pipe closes, and a busy one has an alarm.

    The deadline is of CPU time, so that a verdict does not depend on what else the machine does.
    """

    def __init__(self, processes: int = 1, deadline_s: float = 5.0) -> None:
        self.processes = processes
        self.deadline_s = deadline_s
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, _stop_all, self._idle)

    def grade(self, items: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Verdicts of (response, reference) pairs, in their order; an item over the deadline is TIMEOUT."""
        answers = [read_answers(response) for response, _ in items]
        pairs = [(answer, reference) for read, (_, reference) in zip(answers, items, strict=True) for answer in read]
        verdicts = iter(self.compare(pairs))
        return [best(list(islice(verdicts, len(read)))) for read in answers]

    def compare(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Verdicts of (final answer, reference) pairs, in their order; a pair over the deadline is TIMEOUT."""
        quick = [quick_comparison(answer, reference) for answer, reference in pairs]
        slow = [i for i, verdict in enumerate(quick) if verdict is None]
        compared = self._grade_slow([pairs[i] for i in slow]) if slow else []
        verdicts = dict(zip(slow, compared, strict=True))
        return [verdicts[i] if verdict is None else verdict for i, verdict in enumerate(quick)]

    def same(self, answer: str, other: str) -> bool:
        """Whether two final answers are equal."""
        return self.compare([(answer, other)]) == [Verdict.CORRECT]

    def close(self) -> None:
        """Stop every child and reap it. Another `grade` starts new ones."""
        with self._lock:
            _stop_all(self._idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _grade_slow(self, items: Sequence[tuple[str, str]]) -> list[Verdict]:
        verdicts: dict[int, Verdict] = {}
        waiting = deque(range(len(items)))
        busy: list[_Child] = []
        with self._lock:
            try:
                while waiting or busy:
                    while waiting and len(busy) < self.processes:
                        index = waiting.popleft()
                        busy.append(self._start(index, items[index]))
                    busy = self._collect(busy, verdicts)
            finally:
                _stop_all(busy)  # only where we were interrupted
        return [verdicts[i] for i in range(len(items))]

    def _start(self, index: int, item: tuple[str, str]) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive():
                break
            child.stop()
        else:
            child = _Child(self.deadline_s)
        child.send(index, item)
        return child

    def _collect(self, busy: list[_Child], verdicts: dict[int, Verdict]) -> list[_Child]:
        """Wait for a child to answer, die or be late; those that go on are returned."""
        soonest = min(child.deadline for child in busy)
        ready = wait([child.connection for child in busy], max(0.0, soonest - time.monotonic()))
        going_on = []
        for child in busy:
            if child.connection in ready:
                verdicts[child.index] = verdict = child.receive()
            elif time.monotonic() >= child.deadline:
                verdicts[child.index] = verdict = Verdict.TIMEOUT
            else:
                going_on.append(child)
                continue
            if verdict in (Verdict.TIMEOUT, Verdict.CRASHED):
                child.stop()
            else:
                self._idle.append(child)
        return going_on


class _Child:
    """One checker process and our end of its pipe."""

    def __init__(self, deadline_s: float) -> None:
        self.connection, theirs = Pipe()
        self._deadline_s = deadline_s
        self.index = -1
        self.deadline = math.inf
        self._process = self._launch(theirs)
        theirs.close()
        if not self.connection.poll(START_TIMEOUT_S) or self._read() != READY:
            self.stop()
            raise StageError(
                "the answer checker did not start: see its traceback in the log; is latex2sympy2_extended installed?"
            )

    def _launch(self, theirs: Connection) -> subprocess.Popen[bytes]:
        alarm_s = math.ceil(WALL * self._deadline_s) + 1
        path = os.pathsep.join(entry for entry in sys.path if entry)
        command = [sys.executable, "-m", "skillray.grading.checker"]
        return subprocess.Popen(
            [*command, str(theirs.fileno()), str(self._deadline_s), str(alarm_s)],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"PYTHONPATH": path, "PYTHONUTF8": "1"},  # no secret of ours near model text
            start_new_session=True,  # Ctrl-C is for us
        )

    def send(self, index: int, item: tuple[str, str]) -> None:
        self.index, self.deadline = index, time.monotonic() + WALL * self._deadline_s
        answer, reference = item
        request = json.dumps([answer, reference[:MAX_RESPONSE]]).encode()
        try:
            self.connection.send_bytes(request)
        except OSError:  # it died just now: its end of the pipe is closed, and `receive` says CRASHED
            self.deadline = 0.0

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def receive(self) -> Verdict:
        if answer := self._read():
            return Verdict(answer.decode())
        return Verdict.TIMEOUT if self._process.wait() == -signal.SIGPROF else Verdict.CRASHED

    def _read(self) -> bytes:
        try:
            return self.connection.recv_bytes()
        except (EOFError, OSError):  # the child died
            return b""

    def stop(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()


def _stop_all(children: list[_Child]) -> None:
    while children:
        children.pop().stop()
