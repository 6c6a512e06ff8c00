"""Formats, tables and drawings, by arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skillray.report import profile_json, profile_table, tables
from skillray.report.depth_plot import MAX_BARS, bars
from skillray.report.drawing import ACCURACY, ink_on, shade
from skillray.report.graph_plot import grid, layered
from skillray.report.plots import folded, thinned
from skillray.report.studied import Studied, read_studied
from skillray.report.text import amount, cut, duration, line, percent, points, visible
from skillray.report.views import arms, loss_curve, loss_ends, seconds_by_stage, whiskers
from skillray.skills.graph import SkillGraph
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json, read_json
from skillray.store.layout import RunFolder
from skillray.store.records import Comparison, Student
from tests.unit.report.make_run import example, make_run, order, write_learning


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain é 数\n\ttab", "plain é 数\n\ttab"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb\u200bc", "a\\u202eb\\u200bc"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\r\x85", "\\x0d\\x85"),
    ],
)
def test_unseen_characters_are_written_out(raw: str, shown: str) -> None:
    assert visible(raw) == shown


def test_formats() -> None:
    assert (percent(0.6126), percent(1.0, 0)) == ("61.3", "100")
    assert (points(0.081), points(-0.05, 0), points(-0.0004)) == ("+8.1", "−5", "0.0")
    assert (amount(12345), amount(2.0), amount(0.123456)) == ("12,345", "2", "0.1235")
    assert (duration(12.34), duration(125), duration(3 * 3600 + 299)) == ("12.3 s", "2 min 05 s", "3 h 04 min")
    assert (line("a\nb", 9), line("abcdef", 4)) == ("a b", "abc…")
    assert cut("x" * 1010, 4) == "xxxx … (1,006 more characters)"


def test_tables_read_back(tmp_path: Path) -> None:
    """Two orders of 3 and 4 for one skill, 5 to keep; one example drawn once and one drawn three times."""
    run = RunFolder(str(tmp_path))
    folder = run.round("a", 0).segment()
    orders = [order("select", "s", 3), order("select", "s", 4), order("keep", None, 5)]
    folder.table("orders").write(pa.Table.from_pylist(orders), fence=UNFENCED)
    rows = [example(0, "select"), example(2, "select"), example(0, "keep")]
    folder.table("examples").write(pa.Table.from_pylist(rows, schema=folder.table("examples").schema), fence=UNFENCED)
    (found,) = read_studied(run, "a")
    assert dict(found.orders) == {("s", "select"): 7, (None, "keep"): 5}
    assert found.origins == {"keep": (1, 1), "select": (2, 4)}
    assert [sample.origin for sample in found.samples] == ["select", "select", "keep"]
    assert found.losses == () and found.problems == ()


def test_loss_of_a_step_is_weighted_by_tokens_over_all_parts(tmp_path: Path) -> None:
    """Step 0: losses 1 (10 tokens) and 4 (30 tokens) lie in two parts: (10 + 120) / 40 = 3.25. Step 1: 2."""
    run = RunFolder(str(tmp_path))
    table = run.round("a", 0).segment().table("learning")
    parts = []
    for name, rows, tokens in (("000000.parquet", [(0, 1.0)], 10), ("000001.parquet", [(0, 4.0), (1, 2.0)], 30)):
        scratch = RunFolder(str(tmp_path / name)).round("a", 0).segment()
        write_learning(scratch, rows, tokens)
        parts.append(table.write_part(name, scratch.table("learning").read(), fence=UNFENCED))
    table.seal(parts, fence=UNFENCED)
    (found,) = read_studied(run, "a")
    assert found.losses == ((0, 3.25), (1, 2.0))


def studied(losses: list[tuple[int, float]]) -> Studied:
    return Studied("a", 0, {}, {}, (), tuple(losses), ())


def test_rounds_follow_each_other_in_the_loss_curve() -> None:
    again = loss_curve([studied([(0, 3.0), (1, 2.0)]), studied([]), studied([(0, 1.5)])])
    onward = loss_curve([studied([(0, 3.0), (1, 2.0)]), studied([(2, 1.5)])])
    assert again == onward == [(0, 3.0), (1, 2.0), (2, 1.5)]


def test_ends_of_a_loss_are_means_of_tenths() -> None:
    """Twenty steps: the first two have 4 and 2, the last two 1 and 0."""
    assert loss_ends(studied(list(enumerate([4.0, 2.0, *[2.0] * 16, 1.0, 0.0])))) == "3.000 → 0.500"


def test_long_curves_are_averaged() -> None:
    steps, losses = thinned(np.array([(i, i % 2) for i in range(600)], dtype=np.float64))
    assert len(steps) == 300 and (losses == 0.5).all() and (steps[:2] == [0.5, 2.5]).all()


def test_seconds_by_stage_adds_rounds_in_the_order_of_the_loop() -> None:
    found = seconds_by_stage(
        {"a/base/answer": 1, "a/round-000/answer": 2, "a/base/plan": 3, "a/base/zip": 4, "run/prepare": 5}
    )
    assert {name: list(stages.items()) for name, stages in found.items()} == {
        "a": [("answer", 3.0), ("plan", 3.0), ("zip", 4.0)],
        "run": [("prepare", 5.0)],
    }


def test_more_stages_than_colours_are_folded() -> None:
    """Ten stages of 1 to 10 seconds, eight colours: the seven longest stay, 1 + 2 + 3 become other."""
    bar = folded({"a": {f"s{i}": float(i) for i in range(1, 11)}})["a"]
    assert len(bar) == 8 and bar["other"] == 6.0 and sum(bar.values()) == 55.0


def test_whiskers_share_one_scale() -> None:
    """The farthest end, 0.2, is 46% from the middle; so 0.1 is 23%."""
    wide, narrow = whiskers([
        Comparison(a="a", b="b", difference=0.1, low=0.0, high=0.2),
        Comparison(a="a", b="c", difference=-0.1, low=-0.1, high=0.0),
    ])  # fmt: skip
    assert (wide.left, wide.width, wide.mean) == ("50.0%", "46.0%", "73.0%")
    assert (narrow.left, narrow.width, narrow.mean) == ("27.0%", "23.0%", "27.0%")


def test_arms_stand_in_the_order_of_the_config_each_against_the_one_above_and_the_first() -> None:
    def student(mean: float, *stages: str, tokens: int = 100) -> Student:
        estimate = {"mean": mean, "low": mean - 0.02, "high": mean + 0.02, "n": 400}
        rounds = [{"round": 0, "accuracy": estimate, "tokens": tokens, "probe_tokens": 7 if "c" in stages else 0}]
        return Student.model_validate({"method": " + ".join(stages), "stages": stages, "rounds": rounds})

    students = {
        "x": student(0.5, "a"),
        "y": student(0.6, "a", "b"),
        "z": student(0.55, "a", "b", "c"),
        "w": student(0.1),
    }
    comparisons = [
        Comparison(a="y", b="x", difference=0.1, low=0.05, high=0.15),
        Comparison(a="y", b="z", difference=0.05, low=-0.01, high=0.11),
    ]
    x, y, z = arms(students, comparisons)
    assert (x.accuracy.main, x.above.main, x.first.main) == ("50.0", "–", "–")
    assert (y.above.main, y.above.small, y.first.main) == ("+10.0", "+5.0 to +15.0", "+10.0")
    assert (z.above.main, z.above.small, z.first.main) == ("−5.0", "−11.0 to +1.0", "–")  # turned round; not compared
    assert (z.tokens.main, z.tokens.small, y.tokens.small) == ("100", "and 7 in probes", "")
    assert arms({"x": students["x"], "w": students["w"]}, comparisons) == []


def test_layers_go_from_prerequisite_to_dependent() -> None:
    graph = SkillGraph({"a": (), "b": (), "c": ("a",), "d": ("c", "b")})
    places = layered(graph)
    assert all(places[need][0] < places[skill][0] for need, skill in graph.edges())
    assert places == {"a": (0, 0), "b": (0, 1), "c": (1, 0.5), "d": (2, 0.5)}


def test_a_tall_layer_takes_two_columns_and_none_overlap() -> None:
    wide = {f"s{i}": () for i in range(20)} | {"top": ("s0",)}
    places = layered(SkillGraph(wide))
    assert {places[f"s{i}"][0] for i in range(20)} == {0, 1} and places["top"][0] == 2
    assert len(set(places.values())) == 21


def test_grid_without_edges() -> None:
    assert grid(["a", "b", "c", "d", "e"])["e"] == (0, 1)


def test_ink_is_readable_on_every_shade() -> None:
    """WCAG 2 asks a contrast of 4.5 of small text; contrast is (lighter + 0.05) / (darker + 0.05)."""
    for step in range(21):
        colour = shade(ACCURACY, step / 20)
        lighter, darker = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, colour


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_tables(tmp_path: Path) -> None:
    text = tables(make_run(str(tmp_path)))
    rows = [" ".join(row.split()) for row in text.splitlines()]
    assert "stat-sel stat-sel 62.8 [58.0 – 67.5] 76.4 [72.2 – 80.5] 88.9 [85.8 – 92.0] +26.1" in rows
    assert "two_step_word_problem 40 (50) 28 (50)" in rows and "difficult questions 80 of 200 56 of 200" in rows
    assert "uniform: no profile was taken" in rows


def test_text_tables_show_no_control_characters(tmp_path: Path) -> None:
    run = make_run(str(tmp_path), students=1, rounds=1, graph={"[red]a\x1b[2J\u202e": []})
    status = read_json(run.status) | {"notes": ["first\nsecond"], "run": "\x1b]0;title\x07"}
    commit_json(run.status, status)
    text = tables(run)
    assert "[red]a\\x1b[2J\\u202e" in text and "first second" in text and "\\x1b]0;title\\x07: done" in text
    assert all(c == "\n" or c.isprintable() for c in text)


def test_profile_as_json_and_table(tmp_path: Path) -> None:
    run = make_run(str(tmp_path), students=1, rounds=1)
    (profile,) = profile_json(run)["students"]["stat-sel"]["profiles"]
    assert profile["round"] == -1 and (profile["questions"], profile["difficult"]) == (200, 80)
    assert list(profile["counts"].items())[:2] == [("two_step_word_problem", 40), ("percentage", 36)]
    assert json.loads(json.dumps(profile_json(run))) == profile_json(run)
    assert profile_table(run).splitlines()[2].split() == ["two_step_word_problem", "40", "(50)"]


def test_depths_have_a_bar_each_or_share_them() -> None:
    assert bars(SkillGraph({"a": (), "b": ("a",), "c": ()})) == [("0", ["a", "c"]), ("1", ["b"])]
    chain = SkillGraph({f"s{n}": (f"s{n - 1}",) if n else () for n in range(2 * MAX_BARS + 1)})
    found = bars(chain)
    assert len(found) == 21 and found[0] == ("0–2", ["s0", "s1", "s2"]) and found[-1] == ("60", ["s60"])
