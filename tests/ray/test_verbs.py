"""A verb where it is cut short; only its import needs Ray."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from skillray.config import parse
from skillray.curriculum.base import Plan
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.schemas import EXAMPLES, QUESTIONS
from skillray.store.tables import Table
from tests.unit.loop.make_tables import write_study

pytestmark = pytest.mark.ray
CONFIG = parse({"name": "r", "students": [{"name": "a", "curriculum": {"type": "uniform"}}]}, "c")


def test_the_counts_of_what_was_removed_are_there_before_the_examples_are_sealed(local_ray, tmp_path, monkeypatch):
    """Whoever is killed between the two makes nothing again, and has them."""
    from skillray.on_ray import verbs

    run = RunFolder(str(tmp_path))
    for split in ("profile", "held_out"):
        run.questions(split).write(QUESTIONS.empty_table(), fence=UNFENCED)
    segment = run.round("a", 0).segment()
    write_study(run.round("a", 0), [], orders=1, pairs=3)

    class Drafts:
        def __init__(self, runner: verbs.Runner, index: int) -> None: ...

        def examples(self, plan: Plan, forbidden: pa.Array) -> tuple[Iterator[pa.Table], dict[str, float]]:
            return iter([EXAMPLES.empty_table()]), {"refused_x": 2.0}

    def killed(self: Table, *given: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "Drafting", Drafts)
    monkeypatch.setattr(Table, "write_all", killed)
    with pytest.raises(KeyboardInterrupt):
        verbs.Runner(run, CONFIG, CONFIG.students, 0, UNFENCED).fulfil(0, Plan(orders=()))
    assert read_json(segment.study) == {"memory": {}, "notes": {"pairs": 3, "refused_x": 2.0}}
