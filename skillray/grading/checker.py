"""The child process of `grading.pool`: answers compared one at a time, asked for over an inherited pipe.

Started by the pool as `python -m skillray.grading.checker FD CPU_S ALARM_S`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection

from skillray.grading.answers import compare_answers

READY = b"ready"
MEMORY_LIMIT = 2 * 1024**3
"""Bytes of address space: an answer that takes more is a crash of this process and not of the node."""


def serve(connection: Connection, cpu_s: float, alarm_s: int) -> None:
    """Answer until the other end is closed. An answer that takes more than `cpu_s` of CPU time ends this process, by a
    signal whose default action needs no Python; so does one that takes more than `alarm_s` in any way.
    """
    while True:
        try:
            answer, reference = json.loads(connection.recv_bytes())
        except EOFError:  # the pool is gone or closed: the normal end
            return
        signal.alarm(alarm_s)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        verdict = compare_answers(answer, reference)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.alarm(0)
        connection.send_bytes(verdict.encode())


def main() -> None:
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    connection = Connection(int(sys.argv[1]))
    compare_answers("2x+2x", "4x")  # the first comparison loads sympy and its grammar
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # from here on only the grammar's complaints about model text come
    connection.send_bytes(READY)
    serve(connection, float(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
