"""Questions from tables: splits, columns, and what is wrong with a file in one line."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skillray.config.model import DomainData, QuestionSource, TableData
from skillray.errors import DataError
from skillray.loop.questions import (
    from_domain,
    from_tables,
    read_source,
    recorded_rollouts,
    reference_of,
    splits_of,
)
from skillray.skills.graph_json import graph_from_json, graph_json


def write(path, rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def question(n: int, **more) -> dict:
    return {"question": f"What is {n} + 1?", "answer": f"{n}+1={n + 1}\n#### {n + 1}", "skills": ["sum"]} | more


def tables(tmp_path, pool, probe, **more) -> TableData:
    return TableData(
        pool=QuestionSource(path=write(tmp_path / "pool.jsonl", pool)),
        probe=QuestionSource(path=write(tmp_path / "probe.jsonl", probe)),
        **more,
    )


def test_splits_never_overlap(tmp_path):
    data = tables(tmp_path, [question(n) for n in range(50)], [question(n) for n in range(30, 130)])
    splits, graph = from_tables(data)
    ids = {split: set(table["question_id"].to_pylist()) for split, table in splits.items()}
    # 20 of the pool's 50 questions are in the probe set too: they are not trained on.
    assert {split: len(found) for split, found in ids.items()}["pool"] == 30
    assert not ids["pool"] & ids["profile"] and not ids["pool"] & ids["held_out"]
    assert not ids["profile"] & ids["held_out"]
    assert len(ids["profile"]) + len(ids["held_out"]) == 100
    assert graph.skills == ("sum",)


def test_a_later_profile_holds_nothing_that_is_held_out_and_the_pool_nothing_of_it(tmp_path):
    path = write(tmp_path / "later.jsonl", [question(n) for n in range(40, 240)])
    data = tables(
        tmp_path,
        [question(n) for n in range(50)],
        [question(n) for n in range(100, 200)],
        profiles=({"name": "later", "path": path},),
    )
    said: list[str] = []
    splits, _ = from_tables(data, said.append)
    ids = {split: set(table["question_id"].to_pylist()) for split, table in splits.items()}
    assert [*ids] == [*splits_of(data)] == ["pool", "profile", "held_out", "profile-later"]
    assert len(ids["pool"]) == 40  # 40 to 49 are in the later profile
    assert not ids["profile-later"] & ids["held_out"] and ids["profile"] <= ids["profile-later"]
    assert len(ids["profile-later"]) == 200 - len(ids["held_out"])
    assert said == [
        "data.pool: left out 10 that data.probe or data.profiles has too",
        f"data.profiles: left out {len(ids['held_out'])} of later that are held out",
    ]


def test_gsm8k_answers_are_taken_apart(tmp_path):
    splits, _ = from_tables(tables(tmp_path, [question(1)], [question(n) for n in range(2, 40)]))
    row = splits["pool"].to_pylist()[0]
    assert (row["solution"], row["answer"]) == ("1+1=2", "2")


def test_labels_come_from_another_table(tmp_path):
    bare = [{"question": f"q{n}", "answer": "1"} for n in range(40)]
    labels = write(tmp_path / "labels.jsonl", [{"question": "q1", "skills": ["a", "b"]}])
    data = tables(tmp_path, bare[:3], bare[3:], labels=QuestionSource(path=labels))
    assert [row["skills"] for row in from_tables(data)[0]["pool"].to_pylist()] == [[], ["a", "b"], []]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ([{"text": "x"}], "column 'question' is missing; it has text"),
        ([question(1), question(2, question="")], "row 1: question is empty"),
        ([question(1, answer="")], "row 0: answer is empty"),
        ([question(1, skills=[])], "no row has skills"),
        ([question(7)], "no question is left for the pool split"),
    ],
)
def test_a_wrong_pool_is_one_line(tmp_path, pool, expected):
    data = tables(tmp_path, pool, [question(n) for n in range(5, 60)])
    with pytest.raises(DataError) as caught:
        from_tables(data)
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_pool_questions_without_an_answer_are_left_out_where_that_is_wanted(tmp_path):
    """Of 6 pool questions one has no answer and one is in the probe set; a probe question must have an answer."""
    pool = [*(question(n) for n in range(5)), question(200, answer="")]
    told: list[str] = []
    data = tables(tmp_path, pool, [question(n) for n in range(4, 60)], unanswered="leave_out")
    splits, _ = from_tables(data, told.append)
    assert splits["pool"].num_rows == 4
    assert told == [
        "data.pool: left out 1 without an answer (data.unanswered)",
        "data.pool: left out 1 that data.probe has too",
    ]
    with pytest.raises(DataError, match=r"probe.jsonl row 1: answer is empty"):
        from_tables(tables(tmp_path, pool, [question(9), question(8, answer="")], unanswered="leave_out"))


def test_labels_are_found_whatever_the_space_around_a_question(tmp_path):
    bare = [{"question": f" q{n}", "answer": "1"} for n in range(40)]
    labels = write(tmp_path / "labels.jsonl", [{"question": "q1 ", "skills": ["a"]}])
    splits, _ = from_tables(tables(tmp_path, bare[:3], bare[3:], labels=QuestionSource(path=labels)))
    assert [row["skills"] for row in splits["pool"].to_pylist()] == [[], ["a"], []]


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_source(QuestionSource(path=str(tmp_path / "none.parquet")))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot be read"):
        read_source(QuestionSource(path=str(tmp_path / "bad.parquet")))


def test_recorded_answers_of_a_student_nobody_recorded(tmp_path):
    probe = [question(n, question_id=str(n)) for n in range(60)]
    splits, _ = from_tables(tables(tmp_path, [question(99)], probe))
    row = {"question_id": "1", "student": "a", "sample": 0, "response": "x"}
    path = write(tmp_path / "r.jsonl", [row, row | {"student": "b"}, row | {"question_id": "elsewhere"}])
    assert recorded_rollouts(path, ["a"], splits)["student"].to_pylist() == ["a", "b"]  # b may be added later
    with pytest.raises(DataError, match="student 'c' answered no question of the probe set; who did: a, b"):
        recorded_rollouts(path, ["a", "c"], splits)


def test_the_domain_fills_every_split():
    data = DomainData(pool_per_skill=4, profile_per_skill=2, held_out_per_skill=3)
    splits, graph = from_domain(data, seed=0)
    assert {split: table.num_rows / len(graph.skills) for split, table in splits.items()} == {
        "pool": 4,
        "profile": 2,
        "held_out": 3,
    }
    assert from_domain(data, seed=0)[0]["pool"].equals(splits["pool"])
    assert not from_domain(data, seed=1)[0]["pool"].equals(splits["pool"])
    assert graph_from_json(json.loads(json.dumps(graph_json(graph)))) == graph


@pytest.mark.parametrize(
    ("row", "solution", "answer"),
    [
        ({"answer": "#### Step 1\n1+1=2\n#### 2"}, "#### Step 1\n1+1=2", "2"),
        ({"solution": "#### Step 1\n1+1=2\n\nSo \\boxed{2}."}, None, "2"),
        ({"solution": "Thus $\\boxed 5$."}, None, "5"),
        ({"solution": "1+1=2\n#### 2"}, None, "2"),
        ({"solution": "#### Step 1\n1+1=2"}, None, ""),
        ({"answer": 1e16}, "", "10000000000000000"),
        ({"answer": 1e-05}, "", "0.00001"),
        ({"answer": 0.5}, "", "0.5"),
        ({"answer": 3.0}, "", "3"),
        ({"answer": 2**70}, "", str(2**70)),
        ({"answer": float("nan")}, "", ""),
    ],
)
def test_what_the_reference_is(row, solution, answer):
    assert reference_of(row) == (row.get("solution", "") if solution is None else solution, answer)


def test_a_double_that_lost_digits_is_refused(tmp_path):
    """Parquet keeps doubles; a number in JSON keeps its text."""
    table = [question(1, answer=9007199254740993.0), question(2, answer=0.5)]
    data = tables(tmp_path, table, [question(n, answer=0.5) for n in range(5, 60)])
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "pool.parquet")
    with pytest.raises(DataError, match="row 0: answer 9007199254740992 is kept as a floating-point number"):
        from_tables(data.model_copy(update={"pool": QuestionSource(path=str(tmp_path / "pool.parquet"))}))


def test_an_exact_profile_is_drawn_by_the_seed(tmp_path):
    probe = [question(n) for n in range(50)]
    data = tables(tmp_path, [question(99)], probe).model_copy(update={"profile": 10})
    cuts = [set(from_tables(data, seed=seed)[0]["profile"]["question_id"].to_pylist()) for seed in (0, 0, 1)]
    assert [len(cut) for cut in cuts] == [10, 10, 10] and cuts[0] == cuts[1] != cuts[2]
    splits, _ = from_tables(data, seed=0)
    assert splits["held_out"].num_rows == 40 and not cuts[0] & set(splits["held_out"]["question_id"].to_pylist())
    with pytest.raises(DataError, match="another profile than 50"):
        from_tables(data.model_copy(update={"profile": 50}))
