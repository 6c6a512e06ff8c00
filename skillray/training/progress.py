"""Mid-round checkpoints as files: which of them count, which one a group goes on from, and which ones go.

    ROUND/progress/step_00000040/   what 40 steps have made; no part of `checkpoint/`
        *_states.pt                 DeepSpeed's shards of the weights and the optimizer
        rank_00000.safetensors      that rank's random generators, and the losses of its examples so far
        manifest.json               written last, by rank 0, after every rank has put its files there

COMMITTED means that the manifest is there. We do not use Ray Train's `report`: that it returns acknowledges nothing (a
worker that dies right after it loses the checkpoint), and Ray's own snapshot is not written whole. The manifest is the
acknowledgement, and it lies on the run's own storage.

DeepSpeed's shards are pickles, which run code when they are loaded. They are loaded only from the round's own folder,
and only after every byte has been compared with the manifest.

Two groups that write the same step (a frozen worker that wakes up after its group was restarted) write it file by file.
Where the files are not the same, those on disk are not those of the manifest, and the step does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from skillray.errors import StorageError, TableError
from skillray.store.fence import Fence
from skillray.store.files import as_json, exists, has_folder, names_in, read_json, remove_tree, sha256_of
from skillray.store.tables import Table
from skillray.training.checkpoint import MANIFEST, checkpoint_complete, weights_hash
from skillray.training.settings import EXECUTION

if TYPE_CHECKING:
    from skillray.training.sft import TrainJob

KEPT = 2
"""Committed mid-round checkpoints that are kept; while another is being written, the disk holds three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a mid-round checkpoint."""

    size: int
    """Size in bytes."""
    sha256: str
    rank: int
    """Rank that wrote the file. A rank reads its own files and those of rank 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of one mid-round checkpoint's manifest.json."""

    step: int
    """Optimizer steps done, counted from the start of the round."""
    job: str
    """`job_hash` of the round."""
    world_size: int
    epoch: int
    """The writer's fencing epoch."""
    files: Mapping[str, File]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def progress_folder(checkpoint: str) -> str:
    """Folder of the mid-round checkpoints of the round that will write `checkpoint`."""
    return os.path.join(os.path.dirname(checkpoint), "progress")


def step_folder(root: str, step: int) -> str:
    return os.path.join(root, f"step_{step:08d}")


def settled(checkpoint: str) -> bool:
    """True when the round's checkpoint is published and nothing of the way there is left."""
    return checkpoint_complete(checkpoint) and not has_folder(progress_folder(checkpoint))


def job_hash(job: TrainJob, world_size: int, segments: int = 1) -> str:
    """32 hex digits of all that the bits of a mid-round checkpoint depend on that has seen so many segments.

    Versions belong to it: other ones may compute other bits, and read other shards.
    """
    settings = job.settings.model_dump(mode="json", exclude=set(EXECUTION))
    seen = [folder for segment in job.segments[:segments] for folder in (segment.schedule, segment.examples)]
    tables = [Table(folder).fingerprint() for folder in seen]
    versions = [version(name) for name in ("torch", "deepspeed", "transformers", "peft")]
    return _digest([weights_hash(job.model), settings, tables, job.seed, job.device, world_size, versions])[:32]


def commit_manifest(root: str, manifest: Manifest, fence: Fence) -> None:
    """Make the checkpoint count from now on. All its files must be in place and synced.

    Raises:
        StorageError: it cannot be written, or another one stands there.
    """
    body = asdict(manifest)
    path = os.path.join(step_folder(root, manifest.step), MANIFEST)
    if not fence.create(path, as_json(body | {"digest": _digest(body)})):
        raise StorageError(f"{path}: another group has written this step")


def read_manifest(root: str, name: str) -> Manifest:
    """The manifest in folder `name`; `TableError` when there is none, or when it does not match its own digest."""
    path = os.path.join(root, name, MANIFEST)
    body = read_json(path)
    if not isinstance(body, dict) or body.pop("digest", None) != _digest(body):
        raise TableError(f"{path} is damaged (it differs from its digest)")
    files = {file: File(**described) for file, described in body.pop("files").items()}
    return Manifest(files=files, **body)


def damaged_file(root: str, manifest: Manifest, share: slice) -> str | None:
    """The first file of `share`, of the files by name, that is missing or differs."""
    for name in sorted(manifest.files)[share]:
        path = os.path.join(step_folder(root, manifest.step), name)
        if not exists(path) or sha256_of(path) != manifest.files[name].sha256:
            return f"{path} is missing or differs from its manifest"
    return None


def candidates(root: str, job: Callable[[int], str], world_size: int) -> list[Manifest | str]:
    """The checkpoints in `root`, newest first: the manifest of each that this job may go on from, or why it may not.

    `job` gives the job's hash at a step.
    """
    results: list[Manifest | str] = []
    for name in reversed(_steps(root)):
        try:
            manifest = read_manifest(root, name)
            results.append(_reason_against(name, manifest, job, world_size) or manifest)
        except TableError as error:
            results.append(f"{name}: {error}")
    return results


def newest_whole(
    results: Iterable[Manifest | str], damage: Callable[[Manifest], str | None]
) -> tuple[Manifest | None, list[str]]:
    """The first checkpoint without damage, and why each one before it was passed over.

    `results` are those of `candidates`. `damage` describes the damage of a checkpoint, or returns None.
    """
    passed_over: list[str] = []
    for result in results:
        if isinstance(result, str):
            passed_over.append(result)
        elif (problem := damage(result)) is None:
            return result, passed_over
        else:
            passed_over.append(problem)
    return None, passed_over


def newest_step(root: str) -> int:
    """Step of the newest committed checkpoint, damaged or not; 0 when there is none."""
    committed = [name for name in _steps(root) if exists(os.path.join(root, name, MANIFEST))]
    return max((int(name.removeprefix("step_")) for name in committed), default=0)


def keep_only(root: str, steps: Iterable[int]) -> None:
    """Remove all but the checkpoints of `steps`: older ones, unfinished ones, and drafts of killed processes."""
    names = {os.path.basename(step_folder(root, step)) for step in steps}
    for name in names_in(root):
        if name not in names:
            remove_tree(os.path.join(root, name))


def remove_torn(root: str, step: int) -> None:
    """Remove the files of a step, unless somebody has committed it."""
    if not exists(os.path.join(step_folder(root, step), MANIFEST)):
        remove_tree(step_folder(root, step))


def _steps(root: str) -> list[str]:
    return [name for name in names_in(root) if re.fullmatch(r"step_\d{8}", name)]


def _reason_against(name: str, manifest: Manifest, job: Callable[[int], str], world_size: int) -> str | None:
    if name != os.path.basename(step_folder("", manifest.step)):
        return f"{name}: it holds step {manifest.step}"
    if manifest.world_size != world_size:
        return f"{name}: written by {manifest.world_size} worker(s), not {world_size}; ZeRO's shards cannot be re-cut"
    if manifest.job != job(manifest.step):
        return f"{name}: of another job (model, settings, examples, seed or versions)"
    return None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
