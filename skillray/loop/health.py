"""Is a student unskilled, or broken? What its tables say, as warnings; nothing is stopped for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import WRITTEN, OrderKind, removed
from skillray.curriculum.dynamics import remark
from skillray.diagnosis.profile import profile_of
from skillray.grading.answers import Verdict
from skillray.loop.doubts import filter_doubts, flat_doubt, unread_doubt
from skillray.skills.graph_json import graph_from_json
from skillray.store.files import exists, read_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.tables import Table

MIN_QUESTIONS = 20
"""Below it neither share says anything. Ours: a student that knows a tenth fails 20 questions in 12 runs of 100."""
_BY_SKILL = [OrderKind.TEXTBOOK, OrderKind.EXERCISE]
MAX_UNANSWERED = 0.2
"""Share of answers without a final answer above which a student may be broken, not unskilled. Ours."""


def warnings_of(run: RunFolder, student: str) -> list[str]:
    """One line for each thing that a reader of this student's numbers must know, in the order of its rounds."""
    found = []
    for index, folder in enumerate(scored(run, student), -1):
        when = "before training" if index < 0 else f"after round {index}"
        found += [f"round {index}, before epoch {epoch}: {text}" for epoch, text in _of_updates(folder)]
        found += [f"{when}: {text}" for text in _of_answers(folder, run.round(student, index + 1))]
        found += [f"round {index + 1}: {text}" for text in _of_evidence(run, run.round(student, index + 1))]
        if (skipped := _skipped(run, run.round(student, index + 1))) is not None:
            found.append(f"round {index + 1}: {skipped}")
        found += [f"round {index + 1}{text}" for text in _unwritten(run.round(student, index + 1))]
        for told in (_short, _unanswered):
            found += [f"round {index + 1}: {text}" for text in told(run.round(student, index + 1))]
    return found


def scored(run: RunFolder, student: str) -> Iterator[RoundFolder]:
    """The folders with held-out scores: base, then round after round."""
    folder, index = run.base(student), 0
    while folder.table("scores").complete():
        yield folder
        folder, index = run.round(student, index), index + 1


def study_notes(folder: RoundFolder) -> dict[str, float]:
    """What the curriculum of a round and the fulfilment of its orders counted; empty before that."""
    return _notes(folder.segment())


def broken(scores: pa.Table) -> str | None:
    """Why the student is probably broken, with the figures. `scores`: question_id, correct, verdict and finished."""
    total, questions = scores.num_rows, pc.count_distinct(scores["question_id"]).as_py()
    right = pc.sum(scores["correct"]).as_py() or 0
    silent = pc.sum(pc.equal(scores["verdict"], str(Verdict.NO_ANSWER))).as_py() or 0
    if questions < MIN_QUESTIONS or (right and silent <= MAX_UNANSWERED * total):
        return None
    cut = total - (pc.sum(scores["finished"]).as_py() or 0)
    return (
        f"probably broken: of {total} held-out answers {right} are right, {silent} have no final answer, {cut} were "
        f"cut off (flagged from {MIN_QUESTIONS} questions on, when none is right or over {MAX_UNANSWERED:.0%} have no "
        "final answer); read some of its answers, check its chat template and rollout.max_new_tokens"
    )


def refused(rows: pa.Table) -> str | None:
    """How many rows had step scores that are no scores, and the first. `rows`: question_id and refused."""
    wrong = rows.filter(pc.is_valid(rows["refused"]))
    if not wrong.num_rows:
        return None
    first = wrong.slice(0, 1).to_pylist()[0]
    return (
        f"the step scores of {wrong.num_rows} of {rows.num_rows} answers were refused, neither compared nor averaged; "
        f"the first, of question {first['question_id'].hex()}: {first['refused']}"
    )


def _notes(segment: RoundFolder) -> dict[str, float]:
    return dict(read_json(segment.study)["notes"]) if exists(segment.study) else {}


def _of_updates(folder: RoundFolder) -> Iterator[tuple[int, str]]:
    for epoch, segment in enumerate(folder.segments()):
        if segment.table("categories").complete() and (text := remark(_notes(segment))) is not None:
            yield epoch, text


def _of_answers(folder: RoundFolder, following: RoundFolder) -> list[str]:
    scores, graded = folder.table("scores"), following.table("graded")
    tables = [scores, graded] if graded.complete() else [scores]
    found: list[str | None] = [broken(scores.read(["question_id", "correct", "verdict", "finished"]))]
    found.append(refused(pa.concat_tables([table.read(["question_id", "refused"]) for table in tables])))
    return [text for text in found if text is not None]


def _of_evidence(run: RunFolder, folder: RoundFolder) -> Iterator[str]:
    """What speaks against the diagnosis of the profile questions, as far as it has come."""
    graded, gaps = folder.table("graded"), folder.table("gaps")
    if graded.complete():
        rows = graded.read(["judged", "difficult", "correct", "step_scores", "unread_steps"])
        if not pc.any(rows["correct"]).as_py():  # that everything is missing is then what `broken` says
            return
        yield from filter_doubts(rows)
        if (unread := unread_doubt(rows)) is not None:
            yield unread
    if gaps.complete() and exists(run.graph):
        named = gaps.read(["missing_skills", "outcome"])
        profile = profile_of(named["missing_skills"].to_pylist(), named["outcome"].to_pylist())
        skills = graph_from_json(read_json(run.graph)).skills
        if (flat := flat_doubt(profile.counts, skills, profile.num_difficult)) is not None:
            yield flat


def _skipped(run: RunFolder, folder: RoundFolder) -> str | None:
    notes = study_notes(folder)
    skipped = int(notes.get("pairs_without_pool_questions", 0))
    if not skipped:
        return None
    missing = _names(folder.table("gaps"), "missing_skills")
    lacking = sorted(missing - _names(run.questions("pool"), "skills"))
    total = skipped + int(notes["pairs"])
    return (
        f"{skipped} of {total} (question, missing skill) pairs were skipped: no pool question has the skill "
        f"({_shown(lacking)})"
    )


def _unanswered(folder: RoundFolder) -> Iterator[str]:
    """How many of the questions that were drawn have no answer that may be studied, and what became of them."""
    notes = study_notes(folder)
    fates = {
        "by_human_solution": "their reference solutions are studied",
        "dropped": f"their {notes.get('refused_no_usable_answer', 0):g} draws are dropped",
    }
    for fate, what in fates.items():
        if without := notes.get(f"questions_without_answer_{fate}"):
            yield (
                f"{without:g} of {notes['questions_asked']:g} pool questions have no answer that may be studied "
                f"({notes.get('answers_correct', 0):g} of {notes['answers_written']:g} may); {what}"
            )


def _short(folder: RoundFolder) -> Iterator[str]:
    """By how much a teacher's examples miss the size that the curriculum was to have; nothing where it wrote none."""
    notes = study_notes(folder)
    target, written = notes.get("target", 0), notes.get("written", 0)
    if 0 < written < target:
        why = ", ".join(f"{name} {amount:g}" for name, amount in removed(notes).items()) or "none"
        yield (
            f"{written:g} of the {target:g} examples that a teacher was to write came after {notes['waves']:g} waves "
            f"(removed: {why}); methods are compared on sets of different sizes"
        )


def _unwritten(folder: RoundFolder) -> Iterator[str]:
    """What a teacher was to write and did not, with what became of it."""
    for epoch, segment in enumerate(folder.segments()):
        if not (segment.table("orders").complete() and segment.table("examples").complete()):
            continue
        orders, notes = segment.table("orders").read(["kind", "skill"]), _notes(segment)
        wanted = orders.filter(pc.is_in(orders["kind"], value_set=pa.array(sorted(WRITTEN))))
        why = ", ".join(f"{name} {amount:g}" for name, amount in removed(notes).items())
        none = [kind for kind in sorted(WRITTEN) if notes.get(f"written_{kind}") == 0]
        when = f", before epoch {epoch}" if epoch else ""
        if wanted.num_rows and not notes.get("written"):
            yield f"{when}: nothing that the teacher wrote can be used ({why}); the rest is studied"
        elif none:
            what = " or ".join(none)
            yield f"{when}: nothing can be used of what the teacher was to {what} ({why}); the rest is studied"
        elif lacking := _skills_without(wanted, segment.table("examples")):
            some = f"{len(lacking)} ({_shown(lacking)})"
            yield f"{when}: skills without anything written for them: {some}; removed: {why or 'none'}"


def _skills_without(wanted: pa.Table, examples: Table) -> list[str]:
    """Skills that passages or exercises were wanted for, and none is among the examples."""
    by_skill = wanted.filter(pc.is_in(wanted["kind"], value_set=pa.array(_BY_SKILL)))
    if not by_skill.num_rows:
        return []
    rows = examples.read(["skills", "origin"])
    made = rows.filter(pc.is_in(rows["origin"], value_set=pa.array(_BY_SKILL)))
    first = {skills[0] for skills in made["skills"].to_pylist() if skills}
    return sorted(set(by_skill["skill"].to_pylist()) - first)


def _shown(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _names(table: Table, column: str) -> set[Any]:
    return set(pc.unique(pc.list_flatten(table.read([column])[column])).to_pylist())
