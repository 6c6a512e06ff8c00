"""Evaluation sets, answered and graded: the same stages as everything else, a chain for each way of asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from skillray.config import RunConfig
from skillray.config.evaluation import EvaluationSet
from skillray.loop.evaluation_sets import read_set
from skillray.loop.grade_answers import GradeAnswers
from skillray.on_ray.data import Job, Link
from skillray.store.fence import Fence
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.tables import Table

Chain = Callable[[Sequence[Job], Sequence[Link], int], None]
AnsweringOf = Callable[[EvaluationSet], Link]
"""The link that answers as a set says."""


def write_sets(run: RunFolder, sets: Iterable[EvaluationSet], fence: Fence) -> None:
    """The questions of every set into the run folder; those that are there stay."""
    for one in sets:
        if not (table := run.evaluation_set(one.name)).complete():
            table.write(read_set(one), fence=fence)


def answer_sets(
    config: RunConfig,
    questions: Mapping[str, Table],
    folder_of: Callable[[EvaluationSet], RoundFolder],
    answering: AnsweringOf,
    chain: Chain,
) -> None:
    """Fill every set's table of answers in its folder; complete ones are not touched.

    Sets that are asked and sampled alike are one chain, so that their model is loaded once. A unit has as many answers
    as one of the other questions, whatever the number of samples: memory is by answers.
    """
    todo = [one for one in config.evaluation.sets if not folder_of(one).answers(one.name).complete()]
    for _, alike in groupby(sorted(todo, key=_how), key=_how):
        some = list(alike)
        jobs = [Job(questions[one.name], _targets(folder_of(one), one.name)) for one in some]
        grading = GradeAnswers(config.grading.answer_timeout_s, votes=some[0].scored_by.kind == "maj")
        rows = max(1, config.rollout.batch_size * config.rollout.samples // (some[0].samples or 1))
        chain(jobs, [answering(some[0]), Link(grading, config.placement.grade)], rows)


def _how(one: EvaluationSet) -> str:
    """Everything that decides about a chain, as a text that sorts."""
    return repr((one.prompt, one.sampling, one.samples, one.scored_by.kind == "maj"))


def _targets(folder: RoundFolder, name: str) -> tuple[Table, Table]:
    return folder.folder("evaluation").folder(name).table("rollouts"), folder.answers(name)
