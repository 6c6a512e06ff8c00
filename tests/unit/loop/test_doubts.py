"""When a diagnosis means nothing: shares by hand, on both sides of each bound."""

from __future__ import annotations

import pyarrow as pa
import pytest

from skillray.loop.doubts import filter_doubts, flat_doubt, steps_of, unread_doubt
from skillray.loop.health import warnings_of
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import graph_json
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json
from skillray.store.layout import RunFolder
from skillray.store.schemas import GAPS, GRADED
from tests.unit.loop.make_tables import gap_row, graded_row, write_graded


def profile(right_easy: int, right_hard: int, wrong_easy: int, wrong_hard: int) -> list[dict]:
    kinds = [(True, False)] * right_easy + [(True, True)] * right_hard
    kinds += [(False, False)] * wrong_easy + [(False, True)] * wrong_hard
    return [graded_row(n, correct=correct, difficult=difficult) for n, (correct, difficult) in enumerate(kinds)]


def table(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=GRADED)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((0, 148, 0, 68), ["148 of the 148 that are answered right"]),  # the arithmetic world read by nobody
        ((10, 10, 0, 80), []),  # half of the right ones is not most
        ((9, 11, 0, 80), ["11 of the 20 that are answered right"]),
        ((0, 19, 5, 80), []),  # 19 right answers are too few to say
        ((3, 0, 0, 97), ["97 of 100 profile questions difficult (told from 97% on)"]),
        ((4, 0, 0, 96), []),
        ((90, 0, 8, 2), ["2 of 100 profile questions difficult, though 10 are answered wrong"]),
        ((90, 0, 7, 3), []),
        ((91, 0, 7, 2), []),  # 9% wrong: it may be so
        ((100, 0, 0, 0), []),
        ((0, 0, 0, 19), []),  # too few questions
    ],
)
def test_a_filter_that_tells_nothing(counts, told) -> None:
    found = list(filter_doubts(table(profile(*counts))))
    assert len(found) == len(told)
    assert all(words in text for words, text in zip(told, found, strict=True))
    assert all("outcome" in text for text in found if "right" in text)


def test_only_judged_samples_count() -> None:
    rows = [row | {"judged": False} for row in profile(0, 148, 0, 68)]
    assert list(filter_doubts(table(rows))) == []


def test_the_share_of_steps_that_were_read() -> None:
    rows = [graded_row(n, step_scores=[1.0, 0.0, 1.0], unread_steps=2) for n in range(20)]
    assert steps_of(table(rows)) == (40, 40)  # of three scores the last is the answer's
    assert unread_doubt(table(rows)) is None  # a half is enough
    rows[0]["unread_steps"] = 3
    assert "could check 40 of 81 written steps (49%" in str(unread_doubt(table(rows)))
    assert unread_doubt(table(rows[:19])) is None  # too few answers
    assert steps_of(table([graded_row(0, step_scores=[], unread_steps=0)])) is None  # nothing was written
    assert steps_of(table([graded_row(0)])) is None  # a scorer that reads any text


@pytest.mark.parametrize(
    ("counts", "flat"),
    [
        ([12] * 18, True),
        ([2, 2, 2, 1, 1, 1], False),  # 6 of 9: two thirds
        ([20, 20, 20, 11, 11, 11], True),  # 60 of 93
        ([30, 30, 30, 0, 0, 0], False),
        ([9, 9, 9, 9, 9], False),  # too few skills
        ([2, 2, 2, 2, 2, 2, 2], True),  # the middle one counts half to each: 7 of 14
        ([1, 1, 1, 1, 1, 0], False),  # fewer namings than skills
        ([0] * 6, False),
    ],
)
def test_a_profile_that_is_flat(counts, flat) -> None:
    skills = [f"s{n}" for n in range(len(counts))]
    found = flat_doubt(dict(zip(skills, counts, strict=True)), skills, 100)
    assert (found is not None) is flat
    assert flat_doubt(dict(zip(skills, counts, strict=True)), skills, 19) is None


def test_they_are_told_before_anything_is_trained(tmp_path) -> None:
    run = RunFolder(str(tmp_path))
    skills = ["a", "b", "c", "d", "e", "f"]
    commit_json(run.graph, graph_json(SkillGraph.flat(skills)))
    write_graded(run.base("s").table("scores"), [graded_row(n) for n in range(30)])
    write_graded(run.round("s", 0).table("graded"), [row | {"unread_steps": 9} for row in profile(0, 30, 0, 6)])
    first = warnings_of(run, "s")
    assert len(first) == 2 and all(text.startswith("round 0: the ") for text in first)
    gaps = [gap_row(n, skills[n % 6]) for n in range(36)]
    run.round("s", 0).table("gaps").write(pa.Table.from_pylist(gaps, schema=GAPS), fence=UNFENCED)
    assert warnings_of(run, "s")[:2] == first
    assert warnings_of(run, "s")[2].startswith("round 0: the profile is flat: the more often named half of 6 skills")
