"""Graders that hang or die cost one item each, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from skillray.grading.answers import Verdict
from skillray.grading.pool import AnswerPool

ENDLESS = ("#### 9^{9^{9^{9}}}", "7")
NESTED = (r"\boxed{" + "{" * 140 + "x" + "}" * 140 + "}", "7")
FINE = ("#### 3+2x", "2x+3")
WRONG = ("#### 3+4x", "2x+3")


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    with AnswerPool(processes=2, deadline_s=2.0) as shared:
        yield shared


def test_exact_answers_start_no_process() -> None:
    pool = AnswerPool()
    assert pool.grade([("#### 18", "18"), ("#### 17", "18"), ("", "18")]) == ["correct", "wrong", "no_answer"]
    assert pids(pool) == set()


def test_an_endless_comparison_is_cut_and_the_rest_goes_on(pool: AnswerPool) -> None:
    pool.grade([FINE, FINE])  # both children are up
    started = time.monotonic()
    verdicts = pool.grade([ENDLESS, FINE, NESTED, WRONG, ("#### 18", "18")])
    took = time.monotonic() - started
    assert verdicts.pop(2) in ("timeout", "wrong")  # two seconds are about what it takes
    assert verdicts == ["timeout", "correct", "wrong", "correct"]
    assert took < 8.0  # two deadlines of 2 s at the same time; the rest is for a busy machine
    assert pool.grade([FINE]) == ["correct"]


def test_a_child_that_dies_costs_its_item_only(pool: AnswerPool) -> None:
    pool.grade([FINE, FINE])
    before = pids(pool)
    # After .8 s the child that had the fine item is idle again, so the other one is killed at its endless item.
    killer = threading.Timer(0.8, lambda: kill(before - pids(pool)))
    killer.start()
    verdicts = pool.grade([ENDLESS, FINE])
    killer.join()
    assert verdicts == ["crashed", "correct"]


def test_an_idle_child_that_died_is_replaced(pool: AnswerPool) -> None:
    pool.grade([FINE])
    kill(pids(pool))
    time.sleep(0.1)
    assert pool.grade([FINE, WRONG]) == ["correct", "wrong"]


def test_it_works_in_a_thread(pool: AnswerPool) -> None:
    found: list[list[Verdict]] = []
    threads = [threading.Thread(target=lambda: found.append(pool.grade([FINE, WRONG]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["correct", "wrong"]] * 2


def test_same_answer(pool: AnswerPool) -> None:
    assert pool.same("1/2", "0.5")
    assert pool.same(r"\sqrt{12}", r"2\sqrt{3}")
    assert not pool.same("1/2", "1/3")


def test_no_process_is_left() -> None:
    closed = AnswerPool(deadline_s=1.0)
    closed.grade([FINE])
    dropped = AnswerPool(deadline_s=1.0)
    dropped.grade([FINE])
    ours = pids(closed) | pids(dropped)
    assert len(ours) == 2
    closed.close()
    del dropped
    gc.collect()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in ours)  # a zombie would still be there


ORPHANED = """
import os, signal, threading
from skillray.grading.pool import AnswerPool
pool = AnswerPool(deadline_s=1.0)
pool.grade([("#### 3+2x", "2x+3")])
print(pool._idle[0]._process.pid, flush=True)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
pool.grade([("#### 9^{9^{9^{9}}}", "7")])
"""


def test_a_busy_child_does_not_outlive_a_killed_pool() -> None:
    killed = subprocess.run([sys.executable, "-c", ORPHANED], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    until = time.monotonic() + 10.0  # its alarm comes 2 s after the question
    while is_running(int(killed.stdout)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not is_running(int(killed.stdout))


def test_a_child_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "secret")
    with AnswerPool() as fresh:
        fresh.grade([FINE])
        (pid,) = pids(fresh)
        with open(f"/proc/{pid}/environ", "rb") as file:
            assert b"TEACHER_KEY" not in file.read()


def pids(pool: AnswerPool) -> set[int]:
    return {child._process.pid for child in pool._idle}


def kill(victims: set[int]) -> None:
    assert victims
    for pid in victims:
        os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """A zombie, which is for whoever inherited it to reap, runs no more."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
