"""Are difficult questions those answered wrong? `python -m jobs.filter_accuracy ['{type: chat_prm, model: …}']`.

Filters against `is_correct` of recorded answers (../shared/data beside the checkout): GSM8K, one answer a question of
two students, and 100 MATH questions with eight samples of a model and an outcome reward model's scores. In the form of
STAT's table 8 (arXiv 2510.10023): accuracy, precision, recall and F1, and the positive class is "called difficult",
which is right where the answer is wrong: thresholds of 0 flag nothing there and give 53, 0, 0 and 0. Thresholds are the
paper's, and those of the best F1 on one half of the questions; all figures are of the other half. Intervals are 95%, by
a bootstrap over questions, for samples of a question are no independent evidence. AUC is the share of (wrong, right)
pairs of answers in which the wrong one scores lower.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import yaml
from pydantic import TypeAdapter

from skillray.domains.arithmetic.annotations import check_annotations
from skillray.errors import DataError
from skillray.evaluation.accuracy import CONFIDENCE
from skillray.grading.answers import Verdict
from skillray.grading.difficulty import StatFilter
from skillray.grading.pool import AnswerPool
from skillray.grading.steps import (
    AnnotationSteps,
    ConsistencyStep,
    OutcomeStep,
    Settings,
    StepScorerSettings,
    make_step_scorer,
)
from skillray.loop.prm import NEURAL, open_prm
from skillray.types import Question, content_id

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WORDS = (800, 20, 30, 40, 50, 60, 80, 100, 150, 200, 250, 300, 400)
"""STAT's limit first."""
TAUS = ((0.85, 0.7), *product((0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95), (0.0, 0.3, 0.5, 0.6, 0.7, 0.8)))
"""STAT's (tau1, tau2) first."""
REWARDS = (0.9, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95, 0.97, 0.99)
"""The outcome reward model's threshold in STAT's ablations first; on the logistic of its score."""
NUM_RESAMPLES = 2000
HEAD = (
    "| set | filter | student | threshold | flagged | accuracy | precision | recall | F1 | AUC |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded answer."""

    question: Question
    student: str
    response: str
    is_correct: bool
    reward: float | None = None
    """An outcome reward model's score, a logit."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers by what the filter says of them and what they are."""

    wrong_flagged: float
    right_flagged: float
    wrong_passed: float
    right_passed: float

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
    def total(self) -> float:
        return self.wrong_flagged + self.right_flagged + self.wrong_passed + self.right_passed

    @property
    def flagged(self) -> float:
        return (self.wrong_flagged + self.right_flagged) / self.total


Flag = Callable[[int], bool]
"""Whether the answer at a place is called difficult."""


@dataclass(frozen=True, slots=True)
class Way:
    """One filter over a set of answers."""

    name: str
    flags: Mapping[str, Flag]
    """By threshold, the paper's first."""
    scores: Sequence[float]
    """One an answer; lower is more difficult."""


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scorers", nargs="*", help="further grading.scorer settings, as YAML")
    parser.add_argument("--seed", type=int, default=0, help="which half of the questions sets the thresholds")
    options = parser.parse_args(argv)
    sets = {"gsm8k": DATA / "gsm8k" / "recorded.parquet", "math100": DATA / "eval" / "math100_samples.parquet"}
    for name, path in sets.items():
        if not path.exists():
            print(f"skipped: there are no recorded answers at {path}")
            continue
        answers = read_answers(path.parent) if name == "gsm8k" else read_samples(path)
        questions = len({answer.question.question_id for answer in answers})
        wrong = sum(not answer.is_correct for answer in answers)
        print(f"{name}: {len(answers)} recorded answers to {questions} questions, {wrong} of them wrong")
        print(HEAD)
        for way in ways(answers, options.scorers):
            for student in sorted({answer.student for answer in answers}):
                print("\n".join(f"| {name} {line}" for line in lines(way, student, answers, options.seed)))
    return 0


def ways(answers: Sequence[Answer], scorers: Sequence[str]) -> Iterable[Way]:
    groups = by_question(answers)
    if all(len(group) == 1 for group in groups):
        yield scored("outcome (uses the reference: right by construction)", OutcomeStep(), answers)
        yield scored("annotations (the last step uses the reference)", AnnotationSteps(), answers)
        yield by_filter("annotations without the last step", [_lines_of(answer) for answer in answers])
    else:
        yield by_votes(answers, groups)
    yield by_length(answers, groups)
    if all(answer.reward is not None for answer in answers):
        yield by_reward([answer.reward or 0.0 for answer in answers])
    for text in scorers:
        settings = TypeAdapter(StepScorerSettings).validate_python(yaml.safe_load(text))
        yield scored(settings.type, settings, answers)


def by_question(answers: Sequence[Answer]) -> list[list[int]]:
    """Places of the samples of each question of each student."""
    groups = defaultdict[tuple[str, bytes], list[int]](list)
    for place, answer in enumerate(answers):
        groups[answer.student, answer.question.question_id].append(place)
    return list(groups.values())


def scored(name: str, settings: Settings, answers: Sequence[Answer]) -> Way:
    """By the scorer of a config."""
    prm = open_prm(settings, _device()).score if isinstance(settings, NEURAL) else None
    with AnswerPool() as pool:
        pairs = [(answer.response, answer.question.answer) for answer in answers]
        verdicts: dict[tuple[str, str], Verdict] = dict(zip(pairs, pool.grade(pairs), strict=True))
        scorer = make_step_scorer(settings, grade=lambda *pair: verdicts[pair], same=pool.same, prm=prm)
        steps = scorer([(answer.question, answer.response) for answer in answers])
    if refused := [one for one in steps if isinstance(one, str)]:
        raise DataError(f"{len(refused)} answers have no scores; the first: {refused[0]}")
    return by_filter(name, [[step.score for step in one] for one in steps if not isinstance(one, str)])


def by_filter(name: str, scores: Sequence[Sequence[float]]) -> Way:
    rules = {f"{tau1}, {tau2}": StatFilter(tau1=tau1, tau2=tau2) for tau1, tau2 in TAUS}
    flags = {threshold: partial(_is_difficult, rule, scores) for threshold, rule in rules.items()}
    return Way(name, flags, [math.fsum(steps) / len(steps) if steps else 0.0 for steps in scores])


def _is_difficult(rule: StatFilter, scores: Sequence[Sequence[float]], place: int) -> bool:
    return rule.is_difficult(scores[place])


def by_votes(answers: Sequence[Answer], groups: Sequence[Sequence[int]]) -> Way:
    """A question is difficult when its most common final answer has too few of its samples (STAT: under 2 of 5)."""
    votes = [0.0] * len(answers)
    limits = range(2, max(map(len, groups)) + 1)
    places = [place for group in groups for place in group]
    with AnswerPool() as pool:
        for limit in limits:
            scorer = make_step_scorer(ConsistencyStep(min_votes=limit), same=pool.same)
            steps = scorer([(answers[place].question, answers[place].response) for place in places])
            for place, one in zip(places, steps, strict=True):
                assert not isinstance(one, str), "this scorer has a score for any answer"
                votes[place] = limit if one[0].score else votes[place]
    return Way("consistency", {f"{limit} votes": partial(_is_below, votes, limit) for limit in limits}, votes)


def by_length(answers: Sequence[Answer], groups: Sequence[Sequence[int]]) -> Way:
    """A question is difficult when its answers are long on average."""
    words = [0.0] * len(answers)
    for group in groups:
        mean = sum(len(answers[place].response.split()) for place in group) / len(group)
        for place in group:
            words[place] = mean
    shorter = [-mean for mean in words]
    return Way("length", {f"{limit} words": partial(_is_at_most, shorter, -limit) for limit in WORDS}, shorter)


def by_reward(logits: Sequence[float]) -> Way:
    rewards = [1 / (1 + math.exp(-logit)) for logit in logits]
    return Way("outcome reward model", {f"{at}": partial(_is_at_most, rewards, at) for at in REWARDS}, rewards)


def _is_below(scores: Sequence[float], limit: float, place: int) -> bool:
    return scores[place] < limit


def _is_at_most(scores: Sequence[float], limit: float, place: int) -> bool:
    return scores[place] <= limit


def lines(way: Way, student: str, answers: Sequence[Answer], seed: int = 0) -> list[str]:
    """At the paper's threshold; and at the one that is best on the tune half, where that is another."""
    places = [place for place, answer in enumerate(answers) if answer.student == student]
    tune = [place for place in places if is_tune(answers[place].question, seed)]
    report = [place for place in places if not is_tune(answers[place].question, seed)]
    paper = next(iter(way.flags))
    best = max(way.flags, key=lambda threshold: count(answers, tune, way.flags[threshold]).f1)
    shown = {paper: "paper"} if best == paper else {paper: "paper", best: "tuned"}
    area = with_interval(*area_over(way, answers, report))
    return [
        f"| {way.name} | {student} | {threshold} ({how}) | {_figures(answers, report, way.flags[threshold])} | {area} |"
        for threshold, how in shown.items()
    ]


def count(answers: Sequence[Answer], places: Sequence[int], flag: Flag) -> Counts:
    return Counts(*(float(column.sum()) for column in _by_fate(answers, places, flag).T))


def _by_fate(answers: Sequence[Answer], places: Sequence[int], flag: Flag) -> Floats:
    """[questions, 4] answers of each question, in the order of `Counts`."""
    number = {key: n for n, key in enumerate(dict.fromkeys(answers[place].question.question_id for place in places))}
    fates = np.zeros((len(number), 4))
    for place in places:
        answer = answers[place]
        fates[number[answer.question.question_id], answer.is_correct + 2 * (not flag(place))] += 1
    return fates


def _figures(answers: Sequence[Answer], places: Sequence[int], flag: Flag) -> str:
    fates = _by_fate(answers, places, flag)
    whole = Counts(*map(float, fates.sum(axis=0)))
    drawn = [Counts(*map(float, row)) for row in resamples(len(fates)) @ fates]
    names = ("accuracy", "precision", "recall", "f1")
    cells = [with_interval(getattr(whole, name), [getattr(one, name) for one in drawn]) for name in names]
    return " | ".join([f"{whole.flagged:.3f}", *cells])


def resamples(questions: int) -> Floats:
    """[NUM_RESAMPLES, questions] how often each question is drawn; the same for all filters."""
    drawn = np.random.default_rng(0).multinomial(questions, [1 / questions] * questions, NUM_RESAMPLES)
    return drawn.astype(np.float64)


def area_over(way: Way, answers: Sequence[Answer], places: Sequence[int]) -> tuple[float, Sequence[float]]:
    """The area under the ROC curve, and those of resampled questions."""
    values = sorted({way.scores[place] for place in places})
    rank = {value: n for n, value in enumerate(values)}
    number = {key: n for n, key in enumerate(dict.fromkeys(answers[place].question.question_id for place in places))}
    at = np.zeros((2, len(number), len(values)))  # [is correct, question, rank of the score]
    for place in places:
        answer = answers[place]
        at[int(answer.is_correct), number[answer.question.question_id], rank[way.scores[place]]] += 1
    drawn = np.vstack([np.ones(len(number)), resamples(len(number))])
    areas = area(drawn @ at[0], drawn @ at[1])
    return float(areas[0]), areas[1:].tolist()


def area(wrong: Floats, right: Floats) -> Floats:
    """[rows] share of (wrong, right) pairs in which the wrong one has the lower rank, half of those at the same.

    Args:
        wrong, right: [rows, ranks] answers at each rank, the lowest score first. NaN where either has none.
    """
    above = right.sum(axis=1, keepdims=True) - right.cumsum(axis=1)
    with np.errstate(invalid="ignore"):
        shares: Floats = (wrong * (above + right / 2)).sum(axis=1) / (wrong.sum(axis=1) * right.sum(axis=1))
    return shares


def with_interval(value: float, drawn: Sequence[float]) -> str:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(np.asarray(drawn, np.float64), (tail, 1 - tail))
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def is_tune(question: Question, seed: int = 0) -> bool:
    """Half of the questions, by hash."""
    return content_id("filter-accuracy", *([seed] if seed else []), question.question_id)[0] % 2 == 0


def read_answers(folder: Path) -> list[Answer]:
    """Every recorded answer to GSM8K, with its question."""
    rows = {row["question_id"]: row for row in pq.read_table(folder / "test.parquet").to_pylist()}
    recorded = pq.read_table(folder / "recorded.parquet").to_pylist()
    return [
        Answer(_question(rows[row["question_id"]]), row["student"], row["response"], row["is_correct"])
        for row in recorded
    ]


def read_samples(path: Path) -> list[Answer]:
    """The samples of the MATH questions, a question's next to each other."""
    rows = sorted(pq.read_table(path).to_pylist(), key=lambda row: (row["question_id"], row["sample"]))
    return [Answer(_question(row), "samples", row["response"], row["is_correct"], row["reward"]) for row in rows]


def _question(row: dict[str, Any]) -> Question:
    fields = {name: row[name] for name in ("question", "answer", "solution")}
    return Question(question_id=content_id(row["question"]), skills=tuple(row.get("skills") or ()), **fields)


def _lines_of(answer: Answer) -> list[float]:
    return [step.score for step in check_annotations(answer.response)]


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
