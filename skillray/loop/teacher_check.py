"""A teacher is measured before it is believed: on answers, labels and solutions that are known.

    judgement      answers with a verdict ──> name_missing_skills: does it call wrong ones wrong, right ones right?
    labels         labelled questions     ──> label_skills: is the main label named?
    solutions      answered questions     ──> solve: the known answer?
    rewrites       solutions              ──> solve (a rewrite): with steps, and the same answer?
    new_questions  seeds                  ──> write_questions: one that is no seed again?

The requests are those that a run sends: what is asked here is in the reply log, and is not paid a second time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from skillray.config import RunConfig
from skillray.curriculum.answers import answers_of
from skillray.curriculum.base import Curriculum
from skillray.diagnosis.corruption import corrupt
from skillray.errors import TableError, UnbelievableTeacherError
from skillray.evaluation.belief import Figure, chosen, figure, judgements, labels
from skillray.grading.answers import Verdict, extract_answer
from skillray.grading.texts import same_question
from skillray.loop.asked import tasks_of
from skillray.loop.questions import question_of
from skillray.protocols import Ask
from skillray.skills.graph import SkillGraph
from skillray.store.fence import Fence
from skillray.store.files import exists, read_json
from skillray.store.layout import RunFolder
from skillray.teacher.agreement import SameAnswer
from skillray.teacher.settings import TeacherCheck
from skillray.teacher.tasks import LabelSkills, NameMissingSkills, Outcome, Reply, Rewrite, Solve, Task, WriteQuestions
from skillray.types import Question

Row = dict[str, Any]
PARTS: dict[str, Task] = {
    "judgement": Task.NAME_MISSING_SKILLS,
    "labels": Task.LABEL_SKILLS,
    "solutions": Task.SOLVE,
    "rewrites": Task.SOLVE,
    "new_questions": Task.WRITE_QUESTIONS,
}
"""Part -> the task that it measures."""
BOUNDS = {
    "wrong_found": ("min_wrong_found", "of {cases} answers that are known to be wrong it judges {hits} wrong"),
    "right_found": ("min_right_found", "of {cases} answers that are known to be right it judges {hits} right"),
    "labels": ("min_labels_found", "of {cases} labelled questions it names the main label of {hits}"),
    "solutions": ("min_solved", "of {cases} questions whose answer is known it solves {hits}"),
    "rewrites": ("min_rewritten", "of {cases} rewritten solutions {hits} have steps and the same answer"),
    "new_questions": ("min_new", "of {cases} calls for a new question {hits} bring one that is no example again"),
}
"""Figure -> the field of its bound, and what it says."""
NUM_SEEDS = 3
"""Examples that a call for a new question shows; STAT's number (arXiv 2510.10023, B.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of questions and answers."""

    answers: Sequence[Row] = ()
    """Rows of GRADED: answers with their verdicts."""
    profile: Sequence[Row] = ()
    """Rows of QUESTIONS."""
    pool: Sequence[Row] = ()
    """Rows of QUESTIONS, with solutions to rewrite."""


def parts_used(config: RunConfig) -> list[str]:
    """The parts of whose task a run makes use, and where a language model does it."""
    tasks = tasks_of(config)
    curricula = [curriculum for student in config.students for curriculum in student.curricula]
    used = {
        "judgement": Task.NAME_MISSING_SKILLS in tasks and config.diagnosis.judged_correct == "no_gap",
        "labels": any(Task.LABEL_SKILLS in curriculum.tasks for curriculum in curricula),
        "solutions": bool(tasks & {Task.WRITE_QUESTIONS, Task.WRITE_EXERCISES, Task.COMPOSE}),
        "rewrites": any(map(_rewrites, curricula)),
        "new_questions": Task.WRITE_QUESTIONS in tasks,
    }
    return [part for part in PARTS if used[part]]


def measure(
    part: str, known: Known, graph: SkillGraph, check: TeacherCheck, ask: Ask, same: SameAnswer
) -> dict[str, Figure]:
    """The figures of one part; none where nothing is known to measure it by."""
    if part == "judgement":
        return _judgement(known.answers, graph, check.samples, ask)
    if part == "labels":
        return _labels(known.profile, graph, check.samples, ask)
    measured = {"solutions": _solutions, "rewrites": _rewritten, "new_questions": _new_questions}[part]
    found = measured(known.pool, check.samples, ask, same)
    return {part: found} if found is not None else {}


def check_teacher(
    run: RunFolder, parts: Sequence[str], config: RunConfig, known: Callable[[], Known], graph: SkillGraph,
    ask: Callable[[], Ask], same: SameAnswer, fence: Fence,
) -> None:  # fmt: skip
    """Measure what of `parts` was not measured yet, keep the figures, and refuse a teacher that is below a bound.

    Raises:
        UnbelievableTeacherError: it is, and the run makes use of what was measured.
    """
    check = config.teacher_check
    wanted = [part for part in parts if part in parts_used(config) and config.teacher_for(PARTS[part]).type != "domain"]
    if check is None or not wanted:
        return
    todo = [part for part in wanted if not exists(run.teacher_check(part))]
    if todo:
        rows, asking = known(), ask()
        for part in todo:
            figures = measure(part, rows, graph, check, asking, same)
            fence.commit_json(run.teacher_check(part), {name: one.to_json() for name, one in figures.items()})
    checks = read_checks(run)
    if problems := below({name: Figure.from_json(checks[name]) for name in checks}, check):
        raise UnbelievableTeacherError(problems[0])


def made_answers(questions: Sequence[Row], seed: int) -> list[Row]:
    """Answers to questions that nobody has answered yet, as rows of GRADED as far as `measure` reads them.

    Right ones are reference solutions; wrong ones have the final answer of another question, where it differs.
    """
    solved = [row for row in questions if row["solution"] and row["answer"]]
    texts = pa.table({"question": [row["question"] for row in solved], "response": [_marked(row) for row in solved]})
    right = [row | {"response": text} for row, text in zip(solved, texts["response"].to_pylist(), strict=True)]
    spoilt = corrupt(texts, 1.0, "answers", random.Random(seed)) if len(solved) > 1 else []
    wrong = [solved[place] | {"response": text} for place, text in spoilt]
    graded = [(right, Verdict.CORRECT), (wrong, Verdict.WRONG)]
    return [
        row | {"verdict": str(verdict), "judged": True, "difficult": verdict is Verdict.WRONG}
        for rows, verdict in graded
        for row in rows
    ]


def _marked(row: Row) -> str:
    solution: str = row["solution"]
    return solution if extract_answer(solution) is not None else f"{solution}\n#### {row['answer']}"


def below(figures: Mapping[str, Figure], check: TeacherCheck) -> list[str]:
    """One line for each figure that is below its bound."""
    lines = []
    for name, (bound, said) in BOUNDS.items():
        found, least = figures.get(name), float(getattr(check, bound))
        if found is not None and found.is_below(least):
            low, high = found.interval
            instead = ", or diagnosis.source labels" if name.endswith("found") else ""
            lines.append(
                f"teacher: {said.format(hits=found.hits, cases=found.cases)} (95% interval {low:.0%} to {high:.0%}), "
                f"and teacher_check.{bound} is {least:g}: it is not believed, and nothing more is paid; take a "
                f"stronger teacher{instead}, or lower the bound"
            )
    return lines


def read_checks(run: RunFolder) -> dict[str, dict[str, Any]]:
    """Figure -> what was measured, of all parts so far."""
    found: dict[str, dict[str, Any]] = {}
    for part in PARTS:
        try:
            found |= read_json(run.teacher_check(part)) if exists(run.teacher_check(part)) else {}
        except TableError:  # damaged: it is measured again, from the log
            continue
    return found


def _judgement(answers: Sequence[Row], graph: SkillGraph, count: int, ask: Ask) -> dict[str, Figure]:
    """Of wrong answers those come first that a run would ask about anyway: the difficult ones."""
    figures = {}
    for name, verdict in (("wrong_found", Verdict.WRONG), ("right_found", Verdict.CORRECT)):
        rows = [row for row in answers if row["judged"] and row["verdict"] == verdict]
        first = sorted(rows, key=lambda row: (not row["difficult"], row["question_id"]))[:count]
        requests = [_missing(row, graph) for row in first]
        figures[name] = judgements(
            ask(Task.NAME_MISSING_SKILLS, requests) if requests else [], right=verdict == Verdict.CORRECT
        )
    return figures


def _missing(row: Row, graph: SkillGraph) -> NameMissingSkills:
    """As `Diagnose` asks."""
    question = question_of(row)
    return NameMissingSkills(question=question, response=row["response"], allowed=graph.allowed(question.subject))


def _labels(profile: Sequence[Row], graph: SkillGraph, count: int, ask: Ask) -> dict[str, Figure]:
    questions = _questions([row for row in profile if row["skills"]], count)
    requests = [LabelSkills(question=one, allowed=graph.allowed(one.subject)) for one in questions]
    if not requests:
        return {}
    return {"labels": labels(ask(Task.LABEL_SKILLS, requests), [one.skills for one in questions])}


def _solutions(pool: Sequence[Row], count: int, ask: Ask, same: SameAnswer) -> Figure | None:
    questions = _questions([row for row in pool if row["answer"]], count)
    replies = ask(Task.SOLVE, [Solve(question=one, sample=0) for one in questions]) if questions else []
    return figure(replies, _right(questions, replies, same)) if questions else None


def _rewritten(pool: Sequence[Row], count: int, ask: Ask, same: SameAnswer) -> Figure | None:
    questions = _questions([row for row in pool if row["answer"] and row["solution"]], count)
    replies = ask(Task.SOLVE, [Rewrite(question=one, index=0) for one in questions]) if questions else []
    return figure(replies, _right(questions, replies, same)) if questions else None


def _new_questions(pool: Sequence[Row], count: int, ask: Ask, same: SameAnswer) -> Figure | None:
    questions = _questions([row for row in pool if row["skills"]], count)
    by_skill: dict[str, list[Question]] = {}
    for row in sorted(pool, key=lambda row: row["question_id"]):
        if row["skills"]:
            by_skill.setdefault(row["skills"][0], []).append(question_of(row))
    seeds = [_seeds(one, by_skill[one.skills[0]]) for one in questions]
    requests = [
        WriteQuestions(skill=one.skills[0], seeds=shown, count=1, index=0)
        for one, shown in zip(questions, seeds, strict=True)
    ]
    replies = ask(Task.WRITE_QUESTIONS, requests) if requests else []
    hits = [_is_new(reply, shown) for reply, shown in zip(replies, seeds, strict=True)]
    return figure(replies, hits) if questions else None


def _seeds(question: Question, others: Sequence[Question]) -> tuple[Question, ...]:
    return tuple([question, *(one for one in others if one.question_id != question.question_id)][:NUM_SEEDS])


def _is_new(reply: Reply, seeds: Sequence[Question]) -> bool:
    texts = [body["question"] for body in reply.value] if reply.outcome is Outcome.OK else []
    return any(not any(same_question(text, seed.question) for seed in seeds) for text in texts)


def _right(questions: Sequence[Question], replies: Sequence[Reply], same: SameAnswer) -> list[bool]:
    answers = [extract_answer(reply.value) if reply.outcome is Outcome.OK else None for reply in replies]
    return [answer is not None and same(answer, one.answer) for one, answer in zip(questions, answers, strict=True)]


def _questions(rows: Sequence[Row], count: int) -> list[Question]:
    by_id = {row["question_id"]: row for row in rows}
    return [question_of(by_id[one]) for one in chosen(by_id, count)]


def _rewrites(curriculum: Curriculum) -> bool:
    """Whether what is studied are solutions in the teacher's words."""
    return curriculum.tasks == {Task.SOLVE} or answers_of(curriculum).source == "rewrites"
