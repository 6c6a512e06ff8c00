"""The ablation job on an imitation of its run folders; what it measures is worked out by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs import ablation
from skillray.config import load_config
from skillray.errors import ConfigError
from skillray.store.files import commit_json
from skillray.store.layout import RunFolder
from tests.unit.loop.make_tables import graded_row, write_graded

RIGHT = {"textbooks": 4, "order": 5, "exercises": 7, "dynamics": 6, "no-compose": 8, "no-textbooks": 7, "reverse": 7}
"""Of ten held-out questions, the first; before training, four. Of the six others, all difficult, so many less four."""


def imitate(folder: str, overrides: Sequence[str], recipe: str) -> None:
    """As much of a finished run as is read. With seed 2 `dynamics` is two better."""
    config, run = load_config(recipe, overrides), RunFolder(folder)
    if os.path.exists(folder):
        return
    counted = {"tokens": 100 * config.seed, "probe_tokens": 30}
    rounds = {student.name: student.rounds(config.rounds) for student in config.students}
    commit_json(run.summary, {"students": {name: {"rounds": [{}, *[counted] * n]} for name, n in rounds.items()}})
    for name, count in rounds.items():
        known = RIGHT[name] + (2 if (name, config.seed) == ("dynamics", 2) else 0)
        for place, right in ((run.base(name), 4), (run.round(name, count - 1), known)):
            rows = [graded_row(n, correct=n < right, difficult=n >= right) for n in range(10)]
            write_graded(place.table("scores"), rows)


def test_arms_are_compared_with_what_differs_in_one_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "run", imitate)
    ablation.work(str(tmp_path / "out"), (1, 2))
    found = json.loads((tmp_path / "out" / "ablation.json").read_text())
    composing = [arm["all"]["difference"]["mean"] for arm in found["arms"] if arm["against"] == "no-compose"]
    assert composing == [pytest.approx(-0.1)]  # .6 and .8 against .8
    arms = {arm["arm"]: arm for arm in found["arms"] if arm["against"] != "no-compose"}
    assert list(arms) == [student.name for student in load_config(ablation.RECIPE).students]
    assert arms["dynamics"]["all"]["difference"]["by_seed"] == pytest.approx([-0.1, 0.1])
    assert arms["dynamics"]["difficult"]["difference"]["by_seed"] == pytest.approx([-1 / 6, 1 / 6])
    assert arms["no-compose"]["all"]["difference"]["mean"] == pytest.approx(0.1)
    assert arms["textbooks"]["against"] is None and arms["order"]["against"] == "textbooks"
    # Two rounds of 100 and of 200 tokens; one round of the first arm.
    assert arms["dynamics"]["tokens"] == [[200, 60], [400, 60]] and arms["textbooks"]["tokens"] == [
        [100, 30],
        [200, 30],
    ]
    text = capsys.readouterr().out
    assert "10, 10 questions, 6, 6 of them difficult" in text
    assert "| before training |  |  |  | .400 |  |  | .000 |  |" in text
    assert "| `exercises` | `order` | 300 | 60 | .700 | +.200 [.200, .200] | +.200 +.200 | .500 |" in text


@pytest.mark.parametrize("seeds", [(1, 1), (1, 7)])
def test_seeds_are_others_than_the_tuning_seed(seeds: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--seeds must differ, and not be 7"):
        ablation.work(str(tmp_path), seeds)
