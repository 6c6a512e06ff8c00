"""Answers to the drawn pool questions, on Ray: the student's own, or a teacher's rewrites; see `loop.targets`.

The student's own lie in a shared folder, keyed by all that they depend on: students that start from the same weights
and draw the same questions, however else they are trained, link to one table.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from skillray.config import identity_hash
from skillray.curriculum.answers import HumanAnswers, OwnAnswers, Rewrites, answers_of
from skillray.loop.targets import Drawn, Rewritten, Verified, answer_notes, drawn_ids
from skillray.on_ray.answering import sampling
from skillray.on_ray.data import Job, Link
from skillray.on_ray.segments import start_of
from skillray.store.layout import RoundFolder
from skillray.store.tables import PART_ROWS, Table
from skillray.types import content_id, seed_for

if TYPE_CHECKING:
    from skillray.on_ray.verbs import Runner


def ask_questions(runner: Runner) -> None:
    """The pool questions that the student is to answer itself, in the folder of all who share the answers. Nothing
    where nothing is drawn, or where others answer."""
    segment, answers = runner.folder().segment(), answers_of(runner.stage.curriculum)
    own = segment.targets.table("asked")
    if not isinstance(answers, OwnAnswers) or own.complete() or not (drawn := drawn_ids(segment.table("orders"))):
        return
    pool, config = runner.run.questions("pool"), runner.config
    sampled = answers.model_dump(mode="json", include={"samples", "temperature"})
    decisive = (config.rollout, config.prompt_of(runner.student), config.grading.answer_timeout_s, sampled, config.seed)
    key = identity_hash(start_of(runner), pool.fingerprint(), content_id(*drawn).hex(), decisive)
    shared = runner.run.shared(key).targets.table("asked")
    link = Link(Drawn(segment.table("orders").folder), config.placement.grade, here=True)
    runner.chain([Job(pool, (shared,))], [link], PART_ROWS)
    own.link(shared, fence=runner.fence)


def sample_answers(runner: Runner) -> None:
    """The student answers what it is asked, and what is right is kept: once for all who share it."""
    segment, answers = runner.folder().segment(), answers_of(runner.stage.curriculum)
    if not isinstance(answers, OwnAnswers) or not segment.targets.table("asked").complete():
        return
    shared = segment.shared_targets
    answered = sampling(runner, answers.samples, answers.temperature, seed_for(runner.config.seed, "own answers"))
    verified = Verified(runner.config.grading.answer_timeout_s)
    links = [answered, Link(verified, runner.config.placement.grade)]
    made = tuple(shared.table(name) for name in ("rollouts", "usable"))
    runner.chain([Job(shared.table("asked"), made)], links, runner.config.rollout.batch_size)
    for table in made:
        own = segment.targets.table(os.path.basename(table.folder))
        if not own.complete():
            own.link(table, fence=runner.fence)


def answers_for(runner: Runner, segment: RoundFolder) -> tuple[Table, dict[str, float]]:
    """Where the answers to the drawn questions are, and counts for a reader; a human's are in the pool."""
    pool, answers = runner.run.questions("pool"), answers_of(runner.stage.curriculum)
    table = segment.targets.table("usable")
    match answers:
        case HumanAnswers():
            return pool, {}
        case OwnAnswers():
            sample_answers(runner)
        case Rewrites():
            _rewrite(runner, segment, answers, table)
    return table, answer_notes(table, answers.otherwise)


def _rewrite(runner: Runner, segment: RoundFolder, answers: Rewrites, table: Table) -> None:
    orders = segment.table("orders").folder
    asked = segment.targets.table("asked")
    here = Link(Drawn(orders), runner.config.placement.grade, here=True)
    runner.chain([Job(runner.run.questions("pool"), (asked,))], [here], PART_ROWS)
    stage = Rewritten(orders, answers.count, runner.teacher())
    link = Link(stage, runner.config.placement.grade, here=True)
    runner.chain([Job(asked, (table,))], [link], runner.config.rollout.batch_size)
