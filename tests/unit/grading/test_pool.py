"""Graders that hang or die cost one item each, and nothing is left behind.

Deadlines are of CPU time, and what has to be waited for is looked at, so that a busy machine changes no outcome.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from skillray.grading.answers import Verdict
from skillray.grading.pool import AnswerPool

ENDLESS = ("#### 9^{9^{9^{9}}}", "7")
NESTED = (r"\boxed{" + "{" * 140 + "x" + "}" * 140 + "}", "7")
FINE = ("#### 3+2x", "2x+3")
WRONG = ("#### 3+4x", "2x+3")


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    with AnswerPool(processes=2, deadline_s=10.0) as shared:
        yield shared


def test_exact_answers_start_no_process() -> None:
    pool = AnswerPool()
    assert pool.grade([("#### 18", "18"), ("#### 17", "18"), ("", "18")]) == ["correct", "wrong", "no_answer"]
    assert pids(pool) == set()


def test_an_endless_comparison_is_cut_and_the_rest_goes_on() -> None:
    with AnswerPool(processes=2, deadline_s=2.0) as pool:
        pool.grade([FINE, FINE])  # both children are up
        started = sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids(pool))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        verdicts = pool.grade([ENDLESS, FINE, NESTED, WRONG, ("#### 18", "18")])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)  # of children that ended: those that were cut
        assert verdicts.pop(2) in ("timeout", "wrong")  # two seconds are about what it takes
        assert verdicts == ["timeout", "correct", "wrong", "correct"]
        spent = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        assert 2.0 < spent < started + 6.0  # of one or two children their start, and two seconds each
        assert pool.grade([FINE]) == ["correct"]


def test_a_child_that_gets_no_cpu_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with AnswerPool(deadline_s=2.0) as pool:
        pool.grade([FINE])
        monkeypatch.setattr("skillray.grading.pool.WALL", 0.5)
        (frozen,) = pids(pool)
        os.kill(frozen, signal.SIGSTOP)
        assert pool.grade([FINE]) == ["timeout"]
        assert pids(pool) == set() and not psutil.pid_exists(frozen)


def test_a_child_that_dies_costs_its_item_only(pool: AnswerPool) -> None:
    pool.grade([FINE, FINE])
    before = pids(pool)
    killer = threading.Thread(target=kill_the_busy_one, args=(pool, before), daemon=True)
    killer.start()
    assert pool.grade([ENDLESS, FINE]) == ["crashed", "correct"]
    killer.join()


def kill_the_busy_one(pool: AnswerPool, children: set[int]) -> None:
    """The one that is still at its item when the other is idle again, and that has worked at it for a while."""
    wait_until(lambda: len(pids(pool)) == 1)
    (busy,) = children - pids(pool)
    start = sum(psutil.Process(busy).cpu_times()[:2])
    wait_until(lambda: sum(psutil.Process(busy).cpu_times()[:2]) > start + 0.2)
    kill({busy})


def test_an_idle_child_that_died_is_replaced(pool: AnswerPool) -> None:
    pool.grade([FINE])
    dead = pids(pool)
    kill(dead)
    wait_until(lambda: not any(is_running(pid) for pid in dead))
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


def test_answers_of_several_lines_are_the_same_both_ways(pool: AnswerPool) -> None:
    one_line = r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"
    several = "\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}"
    assert pool.same(one_line, several) and pool.same(several, one_line)
    assert not pool.same("Step 2", "Step 3") and not pool.same("CAB", "ABC")


def test_one_of_several_answers_is_enough(pool: AnswerPool) -> None:
    boxes = "$x=\\boxed{1+y}$ or $x=\\boxed{2}$"
    assert pool.grade([(boxes, "2, y+1"), (boxes, "2"), (boxes, "1+y"), ("<think>\\boxed{2}", "2")]) == [
        "correct", "correct", "wrong", "no_answer",
    ]  # fmt: skip


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
    wait_until(lambda: not is_running(int(killed.stdout)))  # at its deadline


def test_a_child_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "secret")
    with AnswerPool() as fresh:
        fresh.grade([FINE])
        (pid,) = pids(fresh)
        with open(f"/proc/{pid}/environ", "rb") as file:
            assert b"TEACHER_KEY" not in file.read()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


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
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return False
