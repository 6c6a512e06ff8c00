"""The later segments of a round: examples that are edited while the student learns them (DSA, arXiv 2412.19361).

learning of the epochs so far ──> categories ──> orders ──> examples ──> schedule of the next epoch
                                  Dynamics       teacher, and what is carried on

It runs beside fine_tune, whose workers wait for each schedule, and what is made stands in tables: killed anywhere, it
goes on with the same ones.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from skillray.config import identity_hash
from skillray.curriculum.base import Plan
from skillray.curriculum.dynamics import BaselineSettings, Dynamics
from skillray.diagnosis.dynamics import Baseline, baseline_of
from skillray.diagnosis.learning import losses_by_example
from skillray.errors import DeadlineError, StageError
from skillray.loop.inputs import model_content
from skillray.loop.spoil import SPOILT, spoilt
from skillray.store.layout import RoundFolder
from skillray.training.checkpoint import load_tokenizer, weights_hash
from skillray.training.examples import as_schedule
from skillray.training.settings import EXECUTION
from skillray.types import seed_for

if TYPE_CHECKING:
    from skillray.on_ray.verbs import Runner

LOOK_S = 0.2
"""Seconds between two looks for what was learnt."""
OUTLINE = ("example_id", "question_id", "skills")


def write_probe(runner: Runner, settings: BaselineSettings) -> None:
    """What the probe fit trains on: the first segment, a share of it spoilt. Nothing where it has no examples.

    It lies in a shared folder, keyed by all that the fit depends on, and students that differ in what they do with its
    losses link to it: one fit for all of them.
    """
    own, source = runner.folder().probe, runner.folder().segment(0).table("examples")
    if not source.complete() or not source.num_rows() or own.table("schedule").complete():
        return
    seed = _seed(runner, "probe")
    once = runner.training.model_copy(update={"epochs": settings.epochs, "max_tokens": None})
    decisive = once.model_dump(mode="json", exclude=set(EXECUTION))
    key = identity_hash(_start(runner), source.fingerprint(), settings, decisive, seed)
    shared = runner.run.shared(key).probe
    examples, schedule = shared.table("examples"), shared.table("schedule")
    if not examples.complete():
        tokenizer = load_tokenizer(runner.student.model)
        prompt = runner.config.prompt_of(runner.student)
        wrong = spoilt(source.read(), settings, tokenizer, once.max_length, seed, prompt)
        examples.write(wrong, fence=runner.fence)
    if not schedule.complete():
        schedule.write(as_schedule(examples, once, seed), fence=runner.fence)
    for name in ("examples", "schedule"):
        if not own.table(name).complete():
            own.table(name).link(shared.table(name), fence=runner.fence)


def _start(runner: Runner) -> str:
    """Hash of the weights that the round starts from."""
    if runner.round == 0:
        return model_content(runner.run, runner.student.name)
    return weights_hash(runner.checkpoint(runner.round))


def edit_segments(runner: Runner) -> None:
    """Every segment after the first, as soon as what it is decided by is learnt."""
    dynamics = runner.stage.dynamics
    assert dynamics is not None, "only a stage with dynamics has later segments"
    for index in range(1, runner.num_segments):
        if not runner.folder().segment(index).table("schedule").complete():
            with runner.timed("update_wait"):
                _wait_for_learning(runner, index - 1 - dynamics.lag)
            with runner.timed("update"):
                _make_segment(runner, dynamics, index)
        runner.report_progress(index, runner.num_segments - 1, "segments")


def _wait_for_learning(runner: Runner, index: int) -> None:
    """Of segment `index` and, as they come in order, of all before it."""
    limit = runner.config.cluster.stage_timeout_s
    deadline = time.monotonic() + limit
    while index >= 0 and not runner.folder().segment(index).table("learning").complete():
        if time.monotonic() > deadline:
            raise DeadlineError(f"update: segment {index} was not learnt in {limit:.0f} s")
        time.sleep(LOOK_S)


def _make_segment(runner: Runner, dynamics: Dynamics, index: int) -> None:
    """An epoch without an update has the examples of the one before.

    Raises:
        StageError: none are left; training would wait for a schedule that does not come.
    """
    segment, before = (runner.folder().segment(place) for place in (index, index - 1))
    examples, known = segment.table("examples"), index - dynamics.lag
    if not examples.complete():
        if dynamics.updates(known):
            runner.fulfil(index, _plan(runner, dynamics, known, segment, before))
        else:
            examples.link(before.table("examples"), fence=runner.fence)
    if not examples.num_rows():
        raise StageError(f"update: no example is left for segment {index}; look at the notes in {segment.study}")
    runner.write_schedule(index)


def _plan(runner: Runner, dynamics: Dynamics, known: int, segment: RoundFolder, before: RoundFolder) -> Plan:
    """From the first `known` segments' losses; the categories are published with the orders."""
    history = losses_by_example(*(runner.folder().segment(place).table("learning") for place in range(known)))
    outline = pa.concat_tables(map(_outline, before.table("examples").iterate((*OUTLINE, "question"))))
    rng = random.Random(_seed(runner, f"update-{known}"))
    update = dynamics.update(history, outline.sort_by("example_id"), _baseline(runner, dynamics), known, rng)
    if not segment.table("categories").complete():
        segment.table("categories").write(update.categories, fence=runner.fence)
    runner.note_plan(segment, update.plan)
    return update.plan


def _outline(examples: pa.Table) -> pa.Table:
    is_asked = pc.greater(pc.binary_length(examples["question"]), 0)
    return examples.select(OUTLINE).append_column("is_asked", is_asked)


def _baseline(runner: Runner, dynamics: Dynamics) -> Baseline | None:
    probe = runner.folder().probe
    if dynamics.baseline is None or not probe.table("learning").complete():
        return None
    rows = probe.table("examples").read(["example_id", "origin"])
    spoilt = rows.filter(pc.equal(rows["origin"], SPOILT))["example_id"]
    return baseline_of(losses_by_example(probe.table("learning")), spoilt)


def _seed(runner: Runner, what: str) -> int:
    return seed_for(runner.config.seed, what, runner.round)
