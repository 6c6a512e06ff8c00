"""What a log says of how far things are."""

from __future__ import annotations

from typing import Any

import pytest

from skillray.cli import progress
from skillray.cli.progress import Display


def entry(done: int, seconds: float) -> dict[str, Any]:
    return {
        "name": "a/round-000/fine_tune",
        "done": done,
        "total": 100 if done else 0,
        "unit": "steps",
        "seconds": seconds,
    }


def test_time_left_goes_by_what_was_done_since_something_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ninety seconds in a queue, then one step a second."""
    monkeypatch.setattr(progress, "LOG_EVERY_S", 0.0)
    display = Display()
    for done, seconds in ((0, 45.0), (1, 90.0), (11, 100.0), (11, 3.0), (21, 13.0)):
        display.show([entry(done, seconds)])
    assert capsys.readouterr().out.splitlines() == [
        "start a/round-000/fine_tune",
        "a/round-000/fine_tune starting, 45 s",
        "a/round-000/fine_tune 1/100 steps, 90 s",
        "a/round-000/fine_tune 11/100 steps, 100 s, 89 s left",
        "a/round-000/fine_tune 11/100 steps, 3 s",  # another coordinator counts anew
        "a/round-000/fine_tune 21/100 steps, 13 s, 79 s left",
    ]
