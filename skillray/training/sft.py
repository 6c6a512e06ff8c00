"""Supervised fine-tuning of one round: what every worker runs. It knows DeepSpeed and tables, not Ray."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from skillray.errors import StageError
from skillray.store.fence import Fence
from skillray.store.files import remove_tree
from skillray.store.schemas import LEARNING
from skillray.store.tables import Table
from skillray.training.batches import Feed
from skillray.training.checkpoint import checkpoint_complete, load_for_training
from skillray.training.engine import prepare_process, set_lr, start_engine
from skillray.training.group import gather, together
from skillray.training.progress import job_hash, progress_folder
from skillray.training.resume import NOTHING, Learnt, MidRound
from skillray.training.saving import gathered_state, publish, remove_drafts
from skillray.training.schedule import MicroBatch, lr_at
from skillray.training.segments import Segment, open_segment, wait_for_segment
from skillray.training.settings import TrainingSettings
from skillray.types import seed_for

log = logging.getLogger(__name__)

OnStep = Callable[[int, int, float, float], None]
"""(steps done, steps in all, loss, tokens/s), on rank 0 after every step."""
Alive = Callable[[], None]
"""A sign of life that every rank gives as it gets on. A rank that gives none for long is taken to hang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """One student's round. Paths are absolute and on storage that every worker sees.

    `examples`, `schedule` and `learning` are of its first segment. The tables of `later` ones need not be there yet:
    training waits for them, and every segment has as many steps as the first.
    """

    model: str
    """Start: a Hugging Face folder or id, or an earlier checkpoint (an adapter goes on with its adapter)."""
    settings: TrainingSettings
    examples: str
    """Folder of the examples table."""
    schedule: str
    """Folder of the schedule table."""
    learning: str
    """Folder of the learning table to write."""
    output: str | None
    """Checkpoint folder to write; None for a probe, whose losses are all that is wanted."""
    seed: int
    fence: Fence
    """The right to write in the run."""
    device: Literal["cpu", "cuda"] = "cpu"
    later: tuple[Segment, ...] = ()
    wait_s: float = 0.0
    """Seconds to wait for the schedule of a later segment."""
    stop: str = ""
    """Path of a file that appears if no later segment will come, and says why."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        return Segment(examples=self.examples, schedule=self.schedule, learning=self.learning), *self.later

    @property
    def progress(self) -> str:
        """Folder of the mid-round checkpoints, while there are any."""
        return progress_folder(self.output or self.learning)

    def done(self) -> bool:
        """True if the round's learning tables and its checkpoint are published."""
        learnt = all(Table(segment.learning).complete() for segment in self.segments)
        return learnt and (self.output is None or checkpoint_complete(self.output))


@dataclass(slots=True)
class Worker:
    """One rank's place in the group, and what it has learnt of the examples so far."""

    job: TrainJob
    feed: Feed
    engine: Any
    rank: int
    world_size: int
    device: Any
    segment_steps: int
    """Optimizer steps in each segment; the same for all segments of the round."""
    rows: list[MicroBatch] = field(default_factory=list)
    """Schedule rows that this rank has trained on in the present segment, an array for each step."""
    losses: list[Any] = field(default_factory=list)
    """Mean loss of each of these rows, in nats a token."""

    @property
    def num_steps(self) -> int:
        """Optimizer steps of the whole round."""
        return self.segment_steps * len(self.job.segments)

    def learnt(self) -> Learnt:
        return Learnt(np.concatenate(self.rows), np.concatenate(self.losses).astype(np.float32))

    def forget(self, learnt: Learnt | None = None) -> None:
        """Drop the rows and losses of the segment so far, and go on from those of `learnt`."""
        self.rows = [learnt.rows] if learnt else []
        self.losses = [learnt.losses] if learnt else []


def train(job: TrainJob, on_step: OnStep = lambda step, total, loss, rate: None, alive: Alive = lambda: None) -> None:
    """Train along the schedule, then publish `learning` and, last, the checkpoint; nothing when both are there.

    Every worker of the torch process group calls it. All workers raise the same error. It goes on from the newest
    mid-round checkpoint of the job, where one is whole; the next ones come every `settings.checkpoint_every_s`.

    Raises:
        StageError: the loss or a weight is not finite.
        DataError, TableError, ConfigError, MissingExtraError: the start model, a table or a setting is not usable.
    """
    if job.done():
        remove_tree(job.progress)
        return
    worker, mid_round = _open(job, alive)
    total = worker.num_steps
    for step in range(_go_on(worker, mid_round, alive), total):
        alive()
        start = time.monotonic()
        loss = train_step(worker, step, lr_at(step, total, job.settings))
        if worker.rank == 0:
            tokens = int(worker.feed.num_tokens[worker.feed.rows(step)].sum())
            on_step(step + 1, total, loss, tokens / (time.monotonic() - start))
        if step + 1 == total:
            break
        if (step + 1) % worker.segment_steps == 0:
            _seal(worker)
            worker.forget(NOTHING)
            mid_round.save(worker.engine, step + 1, worker.learnt())
            _enter(worker, step + 1, alive)
        elif mid_round.due():
            mid_round.save(worker.engine, step + 1, worker.learnt())
    alive()
    _finish(worker)
    worker.engine.destroy()


def train_step(worker: Worker, step: int, lr: float) -> float:
    """One optimizer step over the step's rows; its loss, over all ranks. No weight changes if that is not finite.

    The loss is sum(weight * nll) / sum(weight) over the step's loss tokens, with `kl_to_start` times the divergence
    from the start model added to nll. DeepSpeed averages gradients over workers and accumulation steps, so each
    micro-batch's part is multiplied by both.
    """
    micro_batches = worker.feed.micro_batches(step, worker.rank)
    scale = worker.world_size * len(micro_batches) / worker.feed.loss_weight(step)
    sums, part = [], 0.0
    for index, rows in enumerate(micro_batches):
        batch = worker.feed.batch(rows, worker.device)
        nll, *divergence = worker.engine(batch.input_ids, batch.positions, batch.targets, batch.mask)
        penalised = nll + worker.job.settings.kl_to_start * divergence[0] if divergence else nll
        weighted = batch.weights @ penalised
        worker.engine.backward(weighted * scale)
        sums.append(nll.detach()[: len(rows)])  # a batch without rows has one made-up row
        part = part + weighted.detach()
        # The last micro-batch's `step` changes the weights: `_update` calls it, once the loss is known to be finite.
        if index + 1 < len(micro_batches):
            worker.engine.step()
    return _update(worker, step, lr, np.concatenate(micro_batches), sums, part)


def _update(worker: Worker, step: int, lr: float, rows: MicroBatch, sums: list[Any], part: Any) -> float:
    """Look at the losses, then let the last micro-batch's `engine.step` change the weights."""
    import torch

    total = part.double()
    if worker.world_size > 1:
        torch.distributed.all_reduce(total)
    loss = float(total) / worker.feed.loss_weight(step)
    by_example = torch.cat(sums).cpu().numpy()
    if not np.isfinite(loss):
        _stop(worker, step, rows[~np.isfinite(by_example * worker.feed.weight[rows])])
    worker.rows.append(rows)
    worker.losses.append(by_example / worker.feed.num_loss_tokens[rows])
    set_lr(worker.engine, lr)
    worker.engine.step()
    return loss


def _open(job: TrainJob, alive: Alive) -> tuple[Worker, MidRound]:
    import torch

    prepare_process(job.settings.threads, job.device)
    alive()
    rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    device = torch.device("cpu") if job.device == "cpu" else torch.device("cuda", torch.cuda.current_device())
    feed = together(world_size, lambda: open_segment(job, 0, world_size))
    torch.manual_seed(seed_for(job.seed, "adapter"))  # a new adapter starts the same on every rank
    model = together(world_size, lambda: load_for_training(job.model, job.settings))
    alive()
    engine = start_engine(model, job.settings, world_size, job.device)
    engine.train()
    torch.manual_seed(seed_for(job.seed, "dropout", rank))
    worker = Worker(
        job=job,
        feed=feed,
        engine=engine,
        rank=rank,
        world_size=world_size,
        device=device,
        segment_steps=feed.num_steps,
    )
    alive()
    return worker, _mid_round(worker)


def _mid_round(worker: Worker) -> MidRound:
    job = worker.job

    @cache
    def hash_of(segments: int) -> str:
        return job_hash(job, worker.world_size, segments)

    together(worker.world_size, lambda: hash_of(1))
    return MidRound(
        root=job.progress,
        job=lambda step: hash_of(math.ceil(step / worker.segment_steps)),
        every_s=job.settings.checkpoint_every_s,
        adapters=job.settings.lora is not None,
        fence=job.fence,
        rank=worker.rank,
        world_size=worker.world_size,
        device=worker.device,
    )


def _go_on(worker: Worker, mid_round: MidRound, alive: Alive) -> int:
    """The step to start with, 0 where there is no mid-round checkpoint; drafts of killed attempts go."""
    if worker.rank == 0 and worker.job.output is not None:
        remove_drafts(worker.job.output)
    restored = mid_round.restore(worker.engine)
    if restored is None:
        return 0
    step, learnt = restored
    worker.forget(learnt)
    if step >= worker.segment_steps:
        _enter(worker, step, alive)
    return step


def _enter(worker: Worker, step: int, alive: Alive) -> None:
    """Wait for the segment of `step`, and read it. No collective is open while a rank waits."""
    job, index, start = worker.job, step // worker.segment_steps, time.monotonic()
    together(worker.world_size, lambda: wait_for_segment(job, index, alive))
    if worker.rank == 0:
        log.info("segment %d: waited %.1f s for its schedule", index, time.monotonic() - start)
    steps = worker.segment_steps
    worker.feed = together(worker.world_size, lambda: open_segment(job, index, worker.world_size, steps))


def _seal(worker: Worker) -> None:
    """Rank 0 publishes what the segment has shown of its examples."""
    gathered = gather(worker.world_size, worker.learnt())
    folder = worker.job.segments[worker.feed.first_step // worker.segment_steps].learning

    def write() -> None:
        Table(folder).write(_learning(worker.feed, gathered), fence=worker.job.fence)

    together(worker.world_size, write if worker.rank == 0 else lambda: None)


def _finish(worker: Worker) -> None:
    """Rank 0 publishes; the others wait for it, and learn if it fails. Then nothing of the way there is needed."""
    job, model = worker.job, worker.engine.module.model
    _seal(worker)
    state = {} if job.output is None else gathered_state(model, job.settings, worker.rank)

    def write() -> None:
        if job.output is not None:
            publish(model, state, job.settings, job.model, job.output, job.fence)
        remove_tree(job.progress)

    together(worker.world_size, write if worker.rank == 0 else lambda: None)


def _learning(feed: Feed, gathered: list[Learnt]) -> pa.Table:
    """LEARNING rows in the order of the schedule; `StageError` unless every row was trained on exactly once."""
    rows = np.concatenate([learnt.rows for learnt in gathered])
    order = np.argsort(rows, kind="stable")
    if not np.array_equal(rows[order], np.arange(feed.schedule.num_rows)):
        raise StageError(f"fine_tune: trained on {len(rows)} rows, scheduled are {feed.schedule.num_rows}; report this")
    losses = np.concatenate([learnt.losses for learnt in gathered])[order]
    columns = {name: feed.schedule[name] for name in ("example_id", "epoch", "step", "slot")}
    return pa.table(columns | {"loss": losses, "num_tokens": feed.schedule["num_loss_tokens"]}, schema=LEARNING)


def _stop(worker: Worker, step: int, rows: MicroBatch) -> None:
    """Raise the same `StageError` on every rank; it names examples of all ranks whose loss is not finite."""
    examples: set[str] = set()
    for ids in gather(worker.world_size, worker.feed.example_ids(rows)):
        examples.update(ids)
    raise StageError(
        f"fine_tune: the loss of step {step} is not finite (examples {', '.join(sorted(examples)[:4]) or 'unknown'}); "
        "look at them, or lower training.learning_rate"
    )
