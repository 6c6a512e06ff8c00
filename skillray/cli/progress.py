"""What runs now: bars in a terminal, a line every 30 s in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LOG_EVERY_S = 30.0


class Display:
    """Shows the runners that the coordinator names."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._last_line = time.monotonic()
        self._known: set[str] = set()
        self._began: dict[str, tuple[int, float]] = {}
        """When something was first done; what started or waited its turn before it says nothing of a rate."""
        self._bars: dict[str, TaskID] = {}
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
        )
        self._progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._progress.stop()

    def show(self, running: list[dict[str, Any]]) -> None:
        if self._terminal:
            self._draw(running)
        else:
            self._log(running)

    def _draw(self, running: list[dict[str, Any]]) -> None:
        self._progress.start()  # at the first news, and once: what is refused before it stands alone on its line
        for name in set(self._bars) - {entry["name"] for entry in running}:
            self._progress.remove_task(self._bars.pop(name))
        for entry in running:
            if entry["name"] not in self._bars:
                self._bars[entry["name"]] = self._progress.add_task(entry["name"], total=None, unit="")
            total = entry["total"] or None
            self._progress.update(self._bars[entry["name"]], completed=entry["done"], total=total, unit=entry["unit"])

    def _log(self, running: list[dict[str, Any]]) -> None:
        names = {entry["name"] for entry in running}
        for name in sorted(names - self._known):
            print(f"start {name}")
        self._known |= names
        for entry in running:
            now, before = (entry["done"], entry["seconds"]), self._began.get(entry["name"])
            if now[0] and (before is None or now[0] < before[0] or now[1] < before[1]):  # it goes on after a restart
                self._began[entry["name"]] = now
        if time.monotonic() - self._last_line >= LOG_EVERY_S:
            self._last_line = time.monotonic()
            print("; ".join(_line(entry, self._began) for entry in running) or "waiting for the cluster")


def _line(entry: dict[str, Any], began: Mapping[str, tuple[int, float]]) -> str:
    """`student/round-000/fine_tune 120/400 steps, 31 s, 72 s left`"""
    done, total, seconds = entry["done"], entry["total"], entry["seconds"]
    if not total:
        return f"{entry['name']} starting, {seconds:.0f} s"
    first, since = began.get(entry["name"], (done, seconds))
    left = f", {(seconds - since) * (total - done) / (done - first):.0f} s left" if done > first else ""
    return f"{entry['name']} {done}/{total} {entry['unit']}, {seconds:.0f} s{left}"
