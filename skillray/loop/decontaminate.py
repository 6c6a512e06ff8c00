"""Training questions that give an evaluation question away: found in the pool, and counted in what was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from skillray.config.model import RunConfig
from skillray.grading.texts import OVERLAP, Leaks
from skillray.store.layout import RunFolder
from skillray.store.tables import Table
from skillray.teacher.agreement import SameAnswer


def evaluation_tables(run: RunFolder, config: RunConfig) -> list[Table]:
    """Questions whose answers are reported.

    A domain's own splits never overlap, and questions of one form that differ in a number are what it is about: of a
    domain's run only the sets from outside count.
    """
    own = [run.questions("held_out")] if config.data.type == "tables" else []
    return [*own, *(run.evaluation_set(one.name) for one in config.evaluation.sets)]


def leaks_in(questions: Iterable[pa.Table]) -> Leaks:
    """What may not be trained on, of tables with the columns question and answer."""
    return Leaks(
        (row["question"], row["answer"])
        for table in questions
        for row in table.select(["question", "answer"]).to_pylist()
    )


def without_leaks(
    pool: pa.Table, evaluation: Sequence[pa.Table], same: SameAnswer, remove: bool
) -> tuple[pa.Table, list[str]]:
    """The pool, without what gives an evaluation question away where `remove` says so, and a line for the report."""
    leaks = leaks_in(evaluation)
    texts, answers = list[int](), list[int]()
    for place, row in enumerate(pool.select(["question", "answer"]).to_pylist()):
        if leaks.shares_text(row["question"]):
            texts.append(place)
        elif any(same(row["answer"], other) for other in leaks.alike(row["question"])):
            answers.append(place)
    total = sum(table.num_rows for table in evaluation)
    fate = "left out" if remove else "they stay (evaluation.decontaminate is false)"
    note = (
        f"decontamination against {total:,} evaluation questions: of {pool.num_rows:,} pool questions {len(texts)} "
        f"share {OVERLAP} words in one piece with one, or hold a shorter one, and {len(answers)} are like one with the "
        f"same answer; {fate}"
    )
    if not remove or not (texts or answers):
        return pool, [note]
    keep = pc.invert(pc.is_in(pa.array(range(pool.num_rows), pa.int64()), value_set=pa.array([*texts, *answers])))
    return pool.filter(keep), [note]


def overlap_notes(examples: Table, evaluation: Sequence[Table]) -> dict[str, float]:
    """Counts for the report of one student's round, whatever its method: different training texts, and how many of
    them hold a piece of an evaluation question. Empty where there is nothing to hold them against.
    """
    if not evaluation:
        return {}
    leaks = leaks_in(table.read(["question", "answer"]) for table in evaluation)
    seen, shared = set[bytes](), 0
    for part in examples.iterate(["question_id", "question", "response"]):
        for row in part.to_pylist():
            if row["question_id"] not in seen:
                seen.add(row["question_id"])
                shared += leaks.shares_text(row["question"] or row["response"])
    return {"texts_trained_on": len(seen), "texts_with_evaluation_words": shared}
