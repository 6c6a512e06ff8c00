"""The scale job on ten thousand questions: its steps, so that they cannot rot. No limit is measured here."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest
from rich.console import Console

from jobs import scale
from jobs.scale_data import MAX_SKILLS, NUM_SKILLS, make_learning, make_questions
from skillray.store.layout import RoundFolder

QUESTIONS = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RoundFolder:
    made = RoundFolder(str(tmp_path_factory.mktemp("scale")))
    make_questions(made, QUESTIONS)
    make_learning(made, QUESTIONS)
    return made


@pytest.fixture(scope="module")
def studied(folder: RoundFolder) -> dict[str, scale.Step]:
    return {step.name: step for step in scale.study(folder, QUESTIONS)}


def test_the_questions_are_as_the_job_says(folder: RoundFolder) -> None:
    pool = folder.table("pool").read()
    assert len(set(pool["question_id"].to_pylist())) == QUESTIONS
    skills = pool["skills"].to_pylist()
    assert {len(row) for row in skills} == {len(set(row)) for row in skills} == set(range(1, MAX_SKILLS + 1))
    assert len({skill for row in skills for skill in row}) == NUM_SKILLS
    assert pool.slice(81, 1).select(["question", "solution"]).to_pylist()[0]["question"].startswith("Compute 81+")


def test_every_step_does_its_rows(studied: dict[str, scale.Step]) -> None:
    rows = {name: step.rows for name, step in studied.items()}
    assert (rows["choose difficult"], rows["profile"], rows["plan"]) == (QUESTIONS, QUESTIONS // 10, QUESTIONS)
    assert 0.25 * QUESTIONS < rows["orders"] < 0.35 * QUESTIONS
    assert 0.5 * QUESTIONS < rows["examples"] == rows["select"] < 0.7 * QUESTIONS
    assert rows["schedule"] == 3 * QUESTIONS  # three epochs of as many draws as questions
    assert all(step.seconds > 0 and step.mib > 50 for step in studied.values())


def test_the_draws_of_a_schedule_are_those_of_its_examples(folder: RoundFolder, studied: object) -> None:
    examples, schedule = folder.table("examples").read(), folder.table("schedule").read()
    assert pc.sum(examples["multiplicity"]).as_py() == QUESTIONS
    lengths = pc.list_value_length(examples["input_ids"]).to_numpy()
    assert 3 * int(lengths @ examples["multiplicity"].to_numpy()) == pc.sum(schedule["num_tokens"]).as_py()


def test_learning_is_ten_epochs_of_every_example(folder: RoundFolder) -> None:
    read, categorised = scale.learn(folder)
    assert (read.rows, categorised.rows) == (QUESTIONS, QUESTIONS // 10)
    tables = [folder.segment(epoch).table("learning") for epoch in range(10)]
    assert {pc.count_distinct(table.read(["example_id"])["example_id"]).as_py() for table in tables} == {
        QUESTIONS // 10
    }
    histories = scale.losses_by_example(*tables)
    assert set(histories["observations"].to_pylist()) == {10} and histories.num_rows == QUESTIONS // 10
    orders = [table.read(["example_id"])["example_id"].to_pylist() for table in tables]
    assert len(set(map(tuple, orders))) == 10


def test_a_limit_that_is_passed_is_said() -> None:
    console = Console(width=120, record=True)
    slow = [("study", [scale.Step("plan", 5, 61.0, 100.0)], 60.0)]
    fat = [("learning", [scale.Step("sum", 5, 1.0, 3000.0)], 20.0)]
    good = [("learning", [scale.Step("sum", 5, 1.0, 1000.0)], 20.0)]
    for groups, word in ((slow, " no "), (fat, " no "), (good, " yes ")):
        console.print(scale.table(groups))
        assert word in console.export_text()
