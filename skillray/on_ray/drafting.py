"""Fulfil, on Ray: drafts from the pool, from the segment before, from general text and from the teacher, merged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from skillray.chat.prompt import StudentPrompt
from skillray.curriculum.answers import answers_of
from skillray.curriculum.base import NEW, WRITTEN, OrderKind, Plan
from skillray.loop.by_loss import PassageLosses, units_by_loss, with_units
from skillray.loop.fulfil import Fulfil
from skillray.loop.merge import merge
from skillray.loop.questions import splits_of
from skillray.loop.replay import Replay
from skillray.loop.select import Carry, Select
from skillray.on_ray.data import Job, Link, Stage
from skillray.on_ray.reach import within_reach
from skillray.on_ray.targets import answers_for
from skillray.skills.graph_json import graph_from_json
from skillray.store.files import read_json
from skillray.store.layout import RoundFolder
from skillray.store.tables import PART_ROWS, Table

if TYPE_CHECKING:
    from skillray.on_ray.verbs import Runner

MAX_WAVES = 8
"""Times that orders are sent to a teacher whose questions are refused too often to reach the target."""
UPDATE_ORDERS = 1024
"""Of a later segment: so many are one unit, done in this process, for training may be waiting. All of a unit's requests
go to the teacher at once."""
CLOSE_ENOUGH = 0.85
"""Share of the target that ends the waves of a later segment: training may be waiting, and its length is fixed. A first
segment gets all of its target, so that the sets of several methods are equal."""


@dataclass(frozen=True)
class Drafting:
    """The drafts of one segment of a round."""

    runner: Runner
    index: int

    def examples(self, plan: Plan, forbidden: pa.Array) -> tuple[Iterator[pa.Table], dict[str, float]]:
        """What the pool and the segment before have, once; and the teacher's orders until the target is reached: what
        it writes may be refused, or stand twice. A later wave sends as many orders as the yield so far says are needed;
        one that brought nothing new is the last: there are no more rewrites, or the teacher refuses everything. (Not
        so of questions that were only too easy or too hard for the student: others may be within its reach.)
        """
        max_length = self.runner.config.training.max_length
        given, counted = self._given({order.kind for order in plan.orders})
        wanted = asking = sum(order.kind in WRITTEN for order in plan.orders)
        drafts: list[Table] = []
        waves, sent, before = 0, 0, 0.0
        is_open = bool(wanted) and self.runner.stage.curriculum.reach() is not None
        while True:
            if wanted:
                drafts.append(self._written(waves, wanted))
                waves, sent = waves + 1, sent + wanted
            parts, notes = merge(given, drafts, forbidden, max_length, plan.target, self._checked)
            written, target = notes.get("written", 0), plan.target or 0
            enough = CLOSE_ENOUGH * target if self.index else target
            if written >= enough or (written == before and not is_open) or waves == MAX_WAVES:
                sizes = {"waves": waves, "teacher_orders_sent": sent} | ({"target": target} if target else {})
                return self._ordered(parts, drafts), notes | counted | sizes
            before = written
            wanted = min(asking, math.ceil((target - written) * sent / written)) if written else asking

    def _given(self, kinds: set[OrderKind]) -> tuple[list[Table], dict[str, float]]:
        """Drafts that no wave of orders brings, and what is counted of the answers that they need."""
        run, orders = self.runner.run, self._segment.table("orders").folder
        found, counted = [], dict[str, float]()
        is_general = self.runner.stage.curriculum.replays_texts and self.runner.config.data.replay is not None
        if OrderKind.SELECT in kinds or (OrderKind.KEEP in kinds and not is_general):
            source, counted = answers_for(self.runner, self._segment)
            model, answers = self.runner.student.model, answers_of(self.runner.stage.curriculum)
            found.append(self._made("selected", Select(orders, model, answers, self._prompt), source))
        if OrderKind.CARRY in kinds:
            found.append(self._made("carried", Carry(orders), self._previous))
        if OrderKind.KEEP in kinds and is_general:
            length = self.runner.config.training.max_length
            replay = Replay(orders, self.runner.student.model, length, self._evaluation)
            found.append(self._made("replayed", replay, run.texts()))
        return found, counted

    def _written(self, wave: int, wanted: int) -> Table:
        curriculum, run = self.runner.stage.curriculum, self.runner.run
        stage = Fulfil(
            pool=run.questions("pool").folder,
            model=self.runner.student.model,
            teacher=self.runner.teacher(),
            graph=graph_from_json(read_json(run.graph)),
            solutions=curriculum.agreement().solutions,
            min_agreement=curriculum.agreement().at_least,
            wave=self.index * MAX_WAVES + wave,
            topic=getattr(self.runner.config.graph, "topic", ""),
            previous=self._previous.folder if self.index else None,
            evaluation=self._evaluation,
            checked=self._screened,
            prompt=self._prompt,
        )
        rows = self.runner.config.rollout.batch_size
        if self.index:
            rows = max(rows, UPDATE_ORDERS)
        made = self._made(f"wave-{wave:02d}", stage, self._segment.table("orders"), wanted, rows)
        if self.index or (reach := curriculum.reach()) is None:
            return made
        return within_reach(self.runner, reach, self._segment.folder(f"wave-{wave:02d}"))

    def _ordered(self, parts: Iterator[pa.Table], written: list[Table]) -> Iterator[pa.Table]:
        """By loss, where the curriculum says so: known when the passages are there. A later segment carries them
        on in their places.
        """
        if self.index or not self.runner.stage.curriculum.sorts_by_loss():
            return parts
        losses = [self._segment.folder(f"losses-{wave:02d}").table("losses") for wave in range(len(written))]
        jobs = [Job(drafts, (table,)) for drafts, table in zip(written, losses, strict=True)]
        config = self.runner.config
        model, length = self.runner.checkpoint(self.runner.round), config.training.max_length
        link = Link(PassageLosses(model, config.rollout.threads, length), config.placement.rollout)
        self.runner.chain(jobs, [link], config.rollout.batch_size)
        units = units_by_loss(losses)
        return (with_units(part, units) for part in parts)

    def _made(
        self, name: str, stage: Stage, source: Table, max_rows: int | None = None, unit_rows: int = PART_ROWS
    ) -> Table:
        drafts = self._segment.folder(name).table("drafts")
        link = Link(stage, self.runner.config.placement.grade, here=True)
        self.runner.chain([Job(source, (drafts,), max_rows)], [link], unit_rows)
        return drafts

    @property
    def _checked(self) -> frozenset[OrderKind]:
        """Whose near-duplicates are looked for. STAT's new questions are as in the paper: it removes none."""
        return NEW if self.index else NEW - {OrderKind.SYNTHESIZE}

    @property
    def _screened(self) -> frozenset[OrderKind]:
        """Whose leaks are looked for: all that is written, but STAT's new questions where they could only be like those
        of the same domain, whose questions of one form differ in a number.
        """
        config = self.runner.config
        return WRITTEN if config.data.type == "tables" or config.evaluation.sets else self._checked

    @property
    def _prompt(self) -> StudentPrompt:
        return self.runner.config.prompt_of(self.runner.student)

    @property
    def _segment(self) -> RoundFolder:
        return self.runner.folder().segment(self.index)

    @property
    def _previous(self) -> Table:
        return self.runner.folder().segment(self.index - 1).table("examples")

    @property
    def _evaluation(self) -> tuple[str, ...]:
        """Nothing, where leaks are only counted."""
        run, settings = self.runner.run, self.runner.config.evaluation
        if not settings.decontaminate:
            return ()
        own = (run.questions(split).folder for split in splits_of(self.runner.config.data) if split != "pool")
        return (*own, *(run.evaluation_set(one.name).folder for one in settings.sets))
