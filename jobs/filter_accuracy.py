"""Are difficult questions those answered wrong? `python -m jobs.filter_accuracy ['{type: chat_prm, model: …}']`.

The reward filter against `is_correct` of recorded GSM8K answers (../shared/data beside the checkout), in the form that
STAT gives for its own filter (arXiv 2510.10023, Table 8): accuracy, precision, recall, F1. What is looked for is a
wrong answer, as there: thresholds of 0 flag nothing and give 53, 0, 0 and 0. Thresholds are the paper's, and the best
of a sweep on one half of the questions; all figures are of the other half.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from pydantic import TypeAdapter

from skillray.domains.arithmetic.annotations import check_annotations
from skillray.errors import DataError
from skillray.grading.answers import Verdict
from skillray.grading.difficulty import StatFilter
from skillray.grading.pool import AnswerPool
from skillray.grading.steps import AnnotationSteps, OutcomeStep, Settings, StepScorerSettings, make_step_scorer
from skillray.loop.prm import NEURAL, open_prm
from skillray.types import Question, content_id

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WORDS = (800, 20, 30, 40, 50, 60, 80, 100, 150, 200)
"""STAT's limit first."""
TAUS = ((0.85, 0.7), *product((0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95), (0.0, 0.3, 0.5, 0.6, 0.7, 0.8)))
"""STAT's (tau1, tau2) first."""
HEAD = (
    "| scorer | student | threshold | flagged | accuracy | precision | recall | F1 |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded answer."""

    question: Question
    student: str
    response: str
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers by what the filter says of them and what they are."""

    wrong_flagged: int
    right_flagged: int
    wrong_passed: int
    right_passed: int

    @property
    def accuracy(self) -> float:
        return (self.wrong_flagged + self.right_passed) / self.total

    @property
    def precision(self) -> float:
        """0 where nothing is flagged."""
        return self.wrong_flagged / max(1, self.wrong_flagged + self.right_flagged)

    @property
    def recall(self) -> float:
        return self.wrong_flagged / max(1, self.wrong_flagged + self.wrong_passed)

    @property
    def f1(self) -> float:
        return 2 * self.wrong_flagged / max(1, 2 * self.wrong_flagged + self.right_flagged + self.wrong_passed)

    @property
    def total(self) -> int:
        return self.wrong_flagged + self.right_flagged + self.wrong_passed + self.right_passed

    @property
    def flagged(self) -> float:
        return (self.wrong_flagged + self.right_flagged) / self.total


Flag = Callable[[int], bool]
"""Whether the answer at a place is called difficult."""
Flags = Mapping[str, Flag]
"""By threshold, the paper's first."""


def main(argv: Sequence[str]) -> int:
    if not (DATA / "gsm8k" / "recorded.parquet").exists():
        print(f"skipped: there are no recorded answers at {DATA / 'gsm8k'}")
        return 0
    answers = read_answers(DATA / "gsm8k")
    print(f"{len(answers)} recorded answers to {len({a.question.question_id for a in answers})} GSM8K questions")
    print(HEAD)
    for name, flags in ways(answers, argv):
        for student in sorted({answer.student for answer in answers}):
            print("\n".join(lines(name, student, answers, flags)))
    print("skipped: consistency needs several samples of a question, and there is one of each student")
    print("skipped: MATH, for there are no recorded answers to it")
    return 0


def ways(answers: Sequence[Answer], argv: Sequence[str]) -> Iterable[tuple[str, Flags]]:
    yield "outcome (uses the reference: right by construction)", scored(OutcomeStep(), answers)
    yield "annotations (the last step uses the reference)", scored(AnnotationSteps(), answers)
    yield "annotations without the last step", by_filter([_lines_of(answer) for answer in answers])
    yield "length", by_length([len(answer.response.split()) for answer in answers])
    for text in argv:
        settings = TypeAdapter(StepScorerSettings).validate_python(yaml.safe_load(text))
        yield settings.type, scored(settings, answers)


def scored(settings: Settings, answers: Sequence[Answer]) -> Flags:
    """By the scorer of a config."""
    prm = open_prm(settings, _device()).score if isinstance(settings, NEURAL) else None
    with AnswerPool() as pool:
        pairs = [(answer.response, answer.question.answer) for answer in answers]
        verdicts: dict[tuple[str, str], Verdict] = dict(zip(pairs, pool.grade(pairs), strict=True))
    scorer = make_step_scorer(settings, grade=lambda *pair: verdicts[pair], prm=prm)
    steps = scorer([(answer.question, answer.response) for answer in answers])
    if refused := [one for one in steps if isinstance(one, str)]:
        raise DataError(f"{len(refused)} answers have no scores; the first: {refused[0]}")
    return by_filter([[step.score for step in one] for one in steps if not isinstance(one, str)])


def by_filter(scores: Sequence[Sequence[float]]) -> Flags:
    rules = {f"{tau1}, {tau2}": StatFilter(tau1=tau1, tau2=tau2) for tau1, tau2 in TAUS}
    return {name: partial(_is_difficult, rule, scores) for name, rule in rules.items()}


def _is_difficult(rule: StatFilter, scores: Sequence[Sequence[float]], place: int) -> bool:
    return rule.is_difficult(scores[place])


def by_length(words: Sequence[int]) -> Flags:
    return {f"{limit} words": partial(_is_long, words, limit) for limit in WORDS}


def _is_long(words: Sequence[int], limit: int, place: int) -> bool:
    return words[place] >= limit


def lines(name: str, student: str, answers: Sequence[Answer], flags: Flags) -> list[str]:
    """At the paper's threshold; and at the one that is best on the tune half, where that is another."""
    places = [place for place, answer in enumerate(answers) if answer.student == student]
    tune = [place for place in places if is_tune(answers[place].question)]
    report = [place for place in places if not is_tune(answers[place].question)]
    given = next(iter(flags))
    best = max(flags, key=lambda threshold: count(answers, tune, flags[threshold]).accuracy)
    shown = {given: "paper"} if best == given else {given: "paper", best: "tuned"}
    found = [(threshold, how, count(answers, report, flags[threshold])) for threshold, how in shown.items()]
    return [
        f"| {name} | {student} | {threshold} ({how}) | {c.flagged:.3f} | {c.accuracy:.3f} | {c.precision:.3f} | "
        f"{c.recall:.3f} | {c.f1:.3f} |"
        for threshold, how, c in found
    ]


def count(answers: Sequence[Answer], places: Sequence[int], flag: Flag) -> Counts:
    found = [(answers[place].is_correct, flag(place)) for place in places]
    return Counts(found.count((False, True)), found.count((True, True)), found.count((False, False)),
                  found.count((True, False)))  # fmt: skip


def is_tune(question: Question) -> bool:
    """Half of the questions, by hash."""
    return content_id("filter-accuracy", question.question_id)[0] % 2 == 0


def read_answers(folder: Path) -> list[Answer]:
    """Every recorded answer, with its question."""
    rows = {row["question_id"]: row for row in pq.read_table(folder / "test.parquet").to_pylist()}
    recorded = pq.read_table(folder / "recorded.parquet").to_pylist()
    return [
        Answer(_question(rows[row["question_id"]]), row["student"], row["response"], row["is_correct"])
        for row in recorded
    ]


def _question(row: dict[str, Any]) -> Question:
    fields = {name: row[name] for name in ("question", "answer", "solution")}
    return Question(question_id=content_id(row["question"]), skills=tuple(row["skills"]), **fields)


def _lines_of(answer: Answer) -> list[float]:
    return [step.score for step in check_annotations(answer.response)]


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
