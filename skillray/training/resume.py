"""Mid-round checkpoints in a worker group: when one is due, how all ranks write it, and how they go on from one.

A group that goes on from step n computes, in fp32 with the same threads and number of workers, the same bits as one
that was never stopped: weights, optimizer state, random generators, the learning rows, and the place in the schedule
are all that a step depends on.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from skillray.errors import StageError, StorageError
from skillray.store.fence import Fence
from skillray.store.files import draft_folder, fetch, is_url, place_file, sha256_of
from skillray.training.engine import SHARDS, load_shards, not_finite, save_shards
from skillray.training.group import first_says, gather, together
from skillray.training.progress import (
    KEPT,
    File,
    Manifest,
    candidates,
    commit_manifest,
    damaged_file,
    keep_only,
    newest_whole,
    remove_torn,
    step_folder,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Learnt:
    """Losses that one rank has seen in a segment so far."""

    rows: npt.NDArray[np.int64]
    """[n] rows of the schedule."""
    losses: npt.NDArray[np.float32]
    """[n] mean loss of each row, in nats a token."""


NOTHING = Learnt(np.empty(0, np.int64), np.empty(0, np.float32))
"""The losses of a rank at the start of a segment: none."""


@dataclass(slots=True, kw_only=True)
class MidRound:
    """The mid-round checkpoints of one round, as one rank sees them."""

    root: str
    """The folder ROUND/progress."""
    job: Callable[[int], str]
    """Gives `progress.job_hash` at a step."""
    every_s: float
    """Seconds from one checkpoint to the next."""
    adapters: bool
    """True if only adapters are trained: the frozen base is then not saved."""
    fence: Fence
    rank: int
    world_size: int
    device: Any
    steps: list[int] = field(default_factory=list)
    """Steps of the committed checkpoints that are kept, the newest last."""
    last: float = field(default_factory=time.monotonic)
    """Monotonic time of the newest checkpoint, or of the start."""

    def due(self) -> bool:
        """True if a checkpoint is due. Rank 0's clock decides for all ranks, for a checkpoint is collective."""
        return first_says(self.world_size, time.monotonic() - self.last >= self.every_s, self.device)

    def save(self, engine: Any, step: int, learnt: Learnt) -> None:
        """Write and commit what `step` steps have made. Collective.

        A checkpoint that cannot be written is said and given up, and training goes on: it is there to save work.

        Raises:
            StageError: a trained weight is not finite.
            StaleWriterError: a newer process writes the run. Both on all ranks.
        """
        start = time.monotonic()
        self._refuse_stale()
        self._refuse_not_finite(engine, step)
        results = gather(self.world_size, self._write(engine, step, learnt))
        self._on_rank_0(lambda: self._commit_or_give_up(step, results, start))
        self.last = time.monotonic()

    def restore(self, engine: Any) -> tuple[int, Learnt] | None:
        """Load the newest undamaged checkpoint: (steps done, losses so far); None when there is none. Collective.

        The engine must be fresh. Checkpoints that are passed over are logged, and removed with all drafts.

        Raises:
            StaleWriterError: a newer process writes the run, on all ranks; nothing of its checkpoints is touched.
        """
        self._refuse_stale()

        # Rank 0 lists them for all: a listing that differs between ranks would send them to different steps.
        listed = candidates(self.root, self.job, self.world_size) if self.rank == 0 else None
        manifests = gather(self.world_size, listed)[0]
        chosen, passed_over = newest_whole(manifests, self._damage)
        older = [m.step for m in manifests if isinstance(m, Manifest) and chosen is not None and m.step <= chosen.step]
        self.steps = sorted(older)[-KEPT:]

        if self.rank == 0:
            _tell(chosen, passed_over)
            keep_only(self.root, self.steps)
        return None if chosen is None else (chosen.step, self._load(engine, chosen))

    def _damage(self, manifest: Manifest) -> str | None:
        """The damage of a checkpoint, or None; the ranks share the hashing and all return the same."""
        mine = damaged_file(self.root, manifest, slice(self.rank, None, self.world_size))
        return next((problem for problem in gather(self.world_size, mine) if problem), None)

    def _refuse_stale(self) -> None:
        self._on_rank_0(self.fence.check)

    def _on_rank_0(self, action: Callable[[], None]) -> None:
        """Do `action` on rank 0 alone; if it fails, its error is raised on all ranks."""
        together(self.world_size, action if self.rank == 0 else lambda: None)

    def _refuse_not_finite(self, engine: Any, step: int) -> None:
        names = [name for names in gather(self.world_size, not_finite(engine.module, self.rank)) for name in names]
        if names:
            raise StageError(f"fine_tune: {names[0]} is not finite after step {step}; lower training.learning_rate")

    def _write(self, engine: Any, step: int, learnt: Learnt) -> dict[str, File] | str:
        """Write this rank's files, and return them by name; or return why they could not be written.

        An error is a value here, so that a rank that fails still meets the others in the next collective.
        """
        from safetensors import SafetensorError

        folder = step_folder(self.root, step)
        try:
            with draft_folder(f"{folder}.rank_{self.rank:05d}") as draft:
                save_shards(engine, draft, self.adapters)
                _save_rank(os.path.join(draft, SHARDS, _rank_file(self.rank)), learnt, self.device)
                return self._place(os.path.join(draft, SHARDS), folder)
        except (OSError, RuntimeError, SafetensorError) as error:  # a full disk; torch raises RuntimeError
            return f"worker {self.rank}: {next(iter(str(error).splitlines()), type(error).__name__)}"

    def _place(self, draft: str, folder: str) -> dict[str, File]:
        """Move the files of a draft into the step's folder, and return their sizes and hashes by name."""
        files = {}
        for name in sorted(os.listdir(draft)):
            path = os.path.join(draft, name)
            files[name] = File(size=os.path.getsize(path), sha256=sha256_of(path), rank=self.rank)
            place_file(path, os.path.join(folder, name))
        return files

    def _commit_or_give_up(self, step: int, results: Sequence[dict[str, File] | str], start: float) -> None:
        """Commit the step if every rank has written its files; else log why not, and remove what is there."""
        failures = [result for result in results if isinstance(result, str)]
        try:
            if not failures:
                self._commit(step, [files for files in results if not isinstance(files, str)], start)
        except StorageError as error:
            failures = [str(error)]
        if failures:
            log.warning("mid-round checkpoint of step %d given up (%s); training goes on", step, failures[0])
            remove_torn(self.root, step)

    def _commit(self, step: int, written: Sequence[dict[str, File]], start: float) -> None:
        files = {name: file for part in written for name, file in part.items()}
        manifest = Manifest(
            step=step, job=self.job(step), world_size=self.world_size, epoch=self.fence.epoch, files=files
        )
        commit_manifest(self.root, manifest, self.fence)
        self.steps = [*self.steps, step][-KEPT:]
        keep_only(self.root, self.steps)
        seconds = time.monotonic() - start
        log.info("mid-round checkpoint of step %d COMMITTED: %.1f MB, %.2f s", step, manifest.size / 1e6, seconds)

    def _load(self, engine: Any, manifest: Manifest) -> Learnt:
        with _fetched(step_folder(self.root, manifest.step), manifest, self.rank) as folder:
            load_shards(engine, folder, self.adapters)
            if engine.global_steps != manifest.step:
                raise StageError(f"fine_tune: {self.root} says step {manifest.step}, its shards {engine.global_steps}")
            return _load_rank(os.path.join(folder, SHARDS, _rank_file(self.rank)), self.device)


def _tell(chosen: Manifest | None, passed_over: Sequence[str]) -> None:
    for reason in passed_over:
        log.warning("mid-round checkpoint passed over: %s", reason)
    if chosen is not None:
        log.info("goes on after step %d, from its mid-round checkpoint", chosen.step)
    elif passed_over:
        log.warning("no mid-round checkpoint is whole: starts from step 0")


@contextmanager
def _fetched(folder: str, manifest: Manifest, rank: int) -> Iterator[str]:
    """A folder of this node with the files that `rank` reads: copies from a bucket, links to a disk.

    DeepSpeed reads local folders only, in its own layout.
    """
    with TemporaryDirectory(prefix="skillray-") as local:
        os.mkdir(os.path.join(local, SHARDS))
        for name, file in manifest.files.items():
            if file.rank in (0, rank):
                source, target = os.path.join(folder, name), os.path.join(local, SHARDS, name)
                fetch(source, target) if is_url(source) else os.symlink(os.path.abspath(source), target)
        yield local


def _rank_file(rank: int) -> str:
    return f"rank_{rank:05d}.safetensors"


def _save_rank(path: str, learnt: Learnt, device: Any) -> None:
    import torch
    from safetensors.torch import save_file

    state = {"rows": torch.from_numpy(learnt.rows), "losses": torch.from_numpy(learnt.losses)}
    save_file(state | {"cpu": torch.get_rng_state()} | _device_rng(device), path)


def _load_rank(path: str, device: Any) -> Learnt:
    import torch
    from safetensors.torch import load_file

    state = load_file(path)
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
    return Learnt(state["rows"].numpy(), state["losses"].numpy())


def _device_rng(device: Any) -> dict[str, Any]:
    import torch

    return {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
