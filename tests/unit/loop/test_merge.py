"""Merge by hand: which drafts become examples, and how often."""

from __future__ import annotations

import pyarrow as pa
import pytest

from skillray.loop import merge as merging
from skillray.loop.merge import ids_of, merge
from skillray.store.fence import UNFENCED
from skillray.store.schemas import DRAFTS, ID
from skillray.store.tables import Table
from skillray.types import content_id

NONE = pa.array([], ID)


def drafts_of(path, *rows: dict, part: int = 3) -> list[Table]:
    """One table, cut into parts of three rows."""
    table = Table(str(path / "drafts"))
    full = {
        "skills": [],
        "parents": [],
        "multiplicity": 1,
        "weight": 1.0,
        "unit": 0,
        "loss_mask": [True],
        "num_loss_tokens": 1,
    }
    whole = pa.Table.from_pylist([full | row for row in rows], schema=DRAFTS)
    table.write_all([whole.slice(start, part) for start in range(0, len(rows), part)], fence=UNFENCED)
    return [table]


def draft(question: str, origin: str = "select", length: int = 1, times: int = 1) -> dict:
    ids = {"example_id": content_id(question, "r"), "question_id": content_id(question)}
    texts = {"question": question, "response": "r", "origin": origin, "input_ids": [1] * length}
    return ids | texts | {"multiplicity": times}


def test_merge_counts_what_became_of_every_draw(tmp_path):
    drafts = drafts_of(tmp_path, draft("a"), draft("a", times=3), draft("held"), draft("long", length=9), draft("b"))
    forbidden = pa.array([content_id("held")], ID)
    parts, notes = merge(drafts, [], forbidden, max_length=8, target=None)
    (rows,) = parts
    assert {row["question"]: row["multiplicity"] for row in rows.to_pylist()} == {"a": 4, "b": 1}
    assert notes == {"drafts_new": 2, "drafts_repeated": 3, "drafts_held_out": 1, "drafts_too_long": 1}


def test_merge_keeps_the_target_of_what_was_written(tmp_path):
    written = [draft(f"w{n}", "synthesize") for n in range(5)]
    given = drafts_of(tmp_path / "given", draft("kept"), draft("w9", "synthesize"))  # carried from the segment before
    parts, notes = merge(given, drafts_of(tmp_path, *written, written[0]), NONE, 8, target=3)
    (rows,) = parts
    smallest = sorted(row["example_id"] for row in written)[:3]
    chosen = [row["example_id"] for row in rows.to_pylist() if row["question"] not in ("kept", "w9")]
    assert chosen == smallest and rows["multiplicity"].to_pylist() == [1, 1, 1, 1, 1]
    assert (notes["written"], notes["surplus"]) == (5, 2)


def test_each_kind_that_was_written_is_counted(tmp_path):
    composed = draft("c", "compose") | {"refused": "teacher_empty"}
    drafts = drafts_of(tmp_path, draft("a", "synthesize"), draft("b", "synthesize"), composed)
    notes = merge([], drafts, NONE, 8, target=1)[1]
    assert (notes["written"], notes["written_synthesize"], notes["written_compose"]) == (2, 2, 0)
    alone = merge([], drafts_of(tmp_path / "alone", draft("a", "synthesize")), NONE, 8, target=1)[1]
    assert [name for name in alone if name.startswith("written")] == ["written"]


def test_what_a_teacher_repeats_counts_once_and_what_was_drawn_every_time(tmp_path):
    given = drafts_of(tmp_path / "selected", draft("a", times=2), draft("a", "keep"))
    wave = drafts_of(tmp_path / "wave", draft("a", "synthesize"), draft("a", "synthesize"))
    (rows,) = merge(given, wave, NONE, 8, None)[0]
    assert [(row["origin"], row["multiplicity"]) for row in rows.to_pylist()] == [("select", 3)]
    (rows,) = merge([], wave, NONE, 8, None)[0]
    assert [(row["origin"], row["multiplicity"]) for row in rows.to_pylist()] == [("synthesize", 1)]


def test_what_was_refused_is_counted_by_reason_and_is_no_example(tmp_path):
    refused = [draft(f"r{n}", "exercise") | {"refused": "no_agreement"} for n in range(2)]
    wave = drafts_of(
        tmp_path, draft("a", "exercise"), *refused, draft("b", "exercise") | {"refused": "evaluation_text"}
    )
    parts, notes = merge([], wave, pa.array([content_id("r0")], ID), 8, None)
    assert [part["question"].to_pylist() for part in parts if part.num_rows] == [["a"]]
    assert notes == {
        "drafts_new": 1, "refused_no_agreement": 2, "refused_evaluation_text": 1, "written": 1, "surplus": 0
    }  # fmt: skip


LONG = "a train leaves the town at nine and goes on for three hours until it stops by the sea at the {}"


def test_near_duplicates_are_left_out_and_what_is_carried_stays(tmp_path):
    first, second, third = (LONG.format(place) for place in ("station", "harbour", "market"))
    other = draft("quite another question about a number of things", "compose")
    fresh = [draft(first, "exercise"), draft(second, "exercise"), other]
    parts, notes = merge([], drafts_of(tmp_path / "fresh", *fresh), NONE, 8, None)
    (rows,) = parts
    assert rows.num_rows == 2 and (notes["drafts_near_duplicates"], notes["written"]) == (1, 2)
    assert min(draft(first)["question_id"], draft(second)["question_id"]) in rows["question_id"].to_pylist()
    carried = drafts_of(tmp_path / "carried", draft(third, "exercise"))
    (rows,) = merge(carried, drafts_of(tmp_path / "wave", *fresh), NONE, 8, None)[0]
    assert sorted(rows["question"].to_pylist()) == sorted([third, other["question"]])


def test_other_answers_to_a_question_and_rewrites_are_no_near_duplicates(tmp_path):
    question = LONG.format("station")
    answers = [draft(question, "synthesize") | {"example_id": content_id(n), "response": n} for n in ("x", "y")]
    rewrites = [draft(LONG.format(place), "augment") for place in ("station", "harbour")]
    parts, notes = merge([], drafts_of(tmp_path, *answers, *rewrites), NONE, 8, None)
    assert sum(part.num_rows for part in parts) == 4 and "drafts_near_duplicates" not in notes


def test_passages_are_compared_by_their_text(tmp_path):
    texts = [LONG.format("station"), LONG.format("harbour"), "On other things, in words of its own."]
    passages = [draft("", "textbook") | dict.fromkeys(["example_id", "question_id"], content_id(t)) for t in texts]
    passages = [passage | {"response": text} for passage, text in zip(passages, texts, strict=True)]
    (rows,) = merge([], drafts_of(tmp_path, *passages), NONE, 8, None)[0]
    assert rows.num_rows == 2 and texts[2] in rows["response"].to_pylist()


def test_parts_have_a_largest_size_and_their_own_order(tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "PART_ROWS", 4)
    drafts = drafts_of(tmp_path, *(draft(f"q{n}") for n in range(10)))
    parts = list(merge(drafts, [], NONE, 8, None)[0])
    assert [part.num_rows for part in parts] == [4, 4, 2]
    questions = [part["question"].to_pylist() for part in parts]
    assert sorted(questions[0]) == ["q0", "q1", "q2", "q3"]
    for part in parts:
        assert part["example_id"].to_pylist() == sorted(part["example_id"].to_pylist())


def test_nothing_left_is_an_empty_table(tmp_path):
    parts, notes = merge(drafts_of(tmp_path, draft("long", length=9)), [], NONE, 8, None)
    assert sum(part.num_rows for part in parts) == 0 and notes == {"drafts_too_long": 1}


@pytest.mark.parametrize("rows", [1, 4])
def test_ids_of_tables(tmp_path, rows):
    tables = drafts_of(tmp_path, *(draft(f"q{n}") for n in range(rows)))
    assert ids_of(tables).to_pylist() == [content_id(f"q{n}") for n in range(rows)]
