"""The right to write in a run: the holder of its newest epoch has it, and nobody else.

RUN/epochs/00000001   taken by create-only commits, one by one; the content says by whom
RUN/epochs/00000002   from now on, whoever holds 1 commits nothing more
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from skillray.errors import StaleWriterError
from skillray.store import files


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write in the run folder `run`, as long as `epoch` is its newest. Travels to every worker.

    Every commit asks, after the bytes are written and before they become visible, whether a newer epoch is taken. A
    writer that is stopped exactly between the two, and goes on after somebody took over, still gets that one commit
    out: on a local disk between a stat and a link or rename, in a bucket between a HEAD and a put; on NFS as long as
    the client remembers that a file was absent, which `lookupcache=positive` turns off.

    It does no harm to what is immutable: such a file is created where none is, never replaced, and what it holds is
    decided by the run's config, so it is what the new writer would have made, or finds and takes as it stands. What is
    mutable (status, summary, report) the new writer writes again. In a bucket, files of a checkpoint are put one by one
    and replace what stands without a manifest; there one late put can damage a checkpoint of the new writer if training
    is not deterministic, which its manifest shows to whoever loads it.
    """

    run: str
    epoch: int

    def check(self) -> None:
        """Raises `StaleWriterError` when a newer epoch is taken."""
        newer = epoch_path(self.run, self.epoch + 1)
        if self.run and files.exists(newer):
            who = files.read_json(newer)
            raise StaleWriterError(f"{self.run}: {who['host']} process {who['pid']} took over; this process stops")

    def commit(self, path: str, data: bytes) -> None:
        files.commit(path, data, self.check)

    def commit_json(self, path: str, value: Any) -> None:
        files.commit_json(path, value, self.check)

    def create(self, path: str, data: bytes) -> bool:
        """True when `data` stands at `path`, False when something else does."""
        return files.create(path, data, self.check)

    def publish_folder(self, draft: str, folder: str, manifest: dict[str, Any]) -> bool:
        return files.publish_folder(draft, folder, manifest | {"epoch": self.epoch}, self.check)


UNFENCED = Fence("", 0)
"""The fence of tables outside a run, which nobody takes over: benchmarks, tests."""


def epoch_path(run: str, epoch: int) -> str:
    return os.path.join(run, "epochs", f"{epoch:08d}")


def newest_epoch(run: str) -> int:
    """The newest epoch that was taken; 0 when none was."""
    epoch = max((int(name) for name in files.names_in(os.path.join(run, "epochs")) if name.isdigit()), default=0)
    # A listing may lag behind. Epochs are taken one by one, so asking for the next one finds what the listing lacks.
    while files.exists(epoch_path(run, epoch + 1)):
        epoch += 1
    return epoch


def take_epoch(run: str, epoch: int, holder: dict[str, Any]) -> bool:
    """True for exactly one of all processes that try to take `epoch`: it is `holder`'s from now on."""
    return files.create(epoch_path(run, epoch), files.as_json(holder))
