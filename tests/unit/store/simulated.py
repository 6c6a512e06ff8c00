"""A disk and a bucket that lie: they crash at any operation, lose what was not synced, and fail as real ones do."""

from __future__ import annotations

import copy
import errno
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from obstore.exceptions import GenericError


class Crash(BaseException):
    """The process ends here. No handler may take it for an error."""


@dataclass
class Faults:
    """Counts operations that change something, and does what is planned for one of them."""

    rng: random.Random
    at: int | None = None
    """Number of the operation, from 1."""
    kind: str = "crash"
    """crash; of a disk: enospc, eio; of a bucket: down, lost_reply"""
    count: int = 0

    def strikes(self) -> str | None:
        self.count += 1
        return self.kind if self.count == self.at else None


@dataclass(eq=False)
class File:
    data: bytes = b""
    synced: bytes = b""
    """What a power loss cannot take."""
    lost: bool = False
    """An fsync failed: what had been written since the last good one will never be durable, whatever a later one says.
    """


@dataclass(eq=False)
class Folder:
    entries: dict[str, File | Folder] = field(default_factory=dict)
    synced: dict[str, File | Folder] = field(default_factory=dict)


class SimulatedDisk:
    """`disk.Disk` in memory. A sync makes a file's bytes, or a folder's entries, durable: neither does the other."""

    def __init__(self, faults: Faults) -> None:
        self.root = Folder()
        self.faults = faults

    def make_folder(self, path: str) -> None:
        self._maybe_fail("make_folder")
        parent, name = self._place(path)
        if name in parent.entries:
            raise FileExistsError(errno.EEXIST, "File exists", path)
        parent.entries[name] = Folder()

    def write(self, path: str, data: bytes) -> None:
        fault = self.faults.strikes()
        parent, name = self._place(path)
        if name in parent.entries:
            raise FileExistsError(errno.EEXIST, "File exists", path)
        parent.entries[name] = File(data[: self.faults.rng.randint(0, len(data))] if fault else data)
        if fault == "crash":
            raise Crash
        if fault:
            raise OSError(errno.ENOSPC, "No space left on device", path)

    def sync(self, path: str) -> None:
        fault = self.faults.strikes()
        if fault == "crash":
            raise Crash
        node = self._find(path)
        if fault and isinstance(node, File):
            node.lost = True
            raise OSError(errno.EIO, "Input/output error", path)
        if fault:
            raise OSError(errno.EIO, "Input/output error", path)
        if isinstance(node, Folder):
            node.synced = dict(node.entries)
        elif not node.lost:
            node.synced = node.data

    def link(self, source: str, target: str) -> None:
        self._maybe_fail("link")
        parent, name = self._place(target)
        if name in parent.entries:
            raise FileExistsError(errno.EEXIST, "File exists", target)
        parent.entries[name] = self._find(source)

    def replace(self, source: str, target: str) -> None:
        self._maybe_fail("replace")
        old, old_name = self._place(source)
        new, new_name = self._place(target)
        there = new.entries.get(new_name)
        if isinstance(there, Folder) and there.entries:
            raise OSError(errno.ENOTEMPTY, "Directory not empty", target)
        new.entries[new_name] = old.entries.pop(old_name)

    def unlink(self, path: str) -> None:
        if self.faults.strikes() == "crash":
            raise Crash
        parent, name = self._place(path)
        del parent.entries[name]

    def remove_tree(self, folder: str) -> None:
        parent, name = self._place(folder)
        parent.entries.pop(name, None)

    def read(self, path: str) -> bytes:
        node = self._find(path)
        assert isinstance(node, File)
        return node.data

    def is_file(self, path: str) -> bool:
        return isinstance(self._look(path), File)

    def is_folder(self, path: str) -> bool:
        return isinstance(self._look(path), Folder)

    def names(self, folder: str) -> list[str]:
        node = self._find(folder)
        assert isinstance(node, Folder)
        return list(node.entries)

    def files(self) -> dict[str, bytes]:
        """Everything that can be read, by path."""
        return dict(_walk(self.root, ""))

    def after_power_loss(self, rng: random.Random) -> Folder:
        """What may be there when the machine is up again: any subset of what was not synced, and torn files."""
        return _survivors(self.root, rng, {})

    def copy(self) -> Folder:
        return copy.deepcopy(self.root)

    def _maybe_fail(self, operation: str) -> None:
        fault = self.faults.strikes()
        if fault == "crash":
            raise Crash
        if fault:
            raise OSError(errno.ENOSPC, "No space left on device", operation)

    def _look(self, path: str) -> File | Folder | None:
        node: File | Folder | None = self.root
        for name in path[1:].split("/") if path != "/" else ():
            if not isinstance(node, Folder):
                return None
            node = node.entries.get(name)
        return node

    def _find(self, path: str) -> File | Folder:
        node = self._look(path)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return node

    def _place(self, path: str) -> tuple[Folder, str]:
        parent = self._find(os.path.dirname(path))
        assert isinstance(parent, Folder)
        return parent, os.path.basename(path)


def _walk(folder: Folder, path: str) -> Iterator[tuple[str, bytes]]:
    for name, node in folder.entries.items():
        if isinstance(node, File):
            yield f"{path}/{name}", node.data
        else:
            yield from _walk(node, f"{path}/{name}")


def _survivors(folder: Folder, rng: random.Random, known: dict[int, File]) -> Folder:
    entries: dict[str, File | Folder] = {}
    for name in {**folder.synced, **folder.entries}:
        new, old = folder.entries.get(name), folder.synced.get(name)
        node = new if new is old or rng.random() < 0.5 else old
        if isinstance(node, Folder):
            entries[name] = _survivors(node, rng, known)
        elif node is not None:
            if id(node) not in known:
                data = _torn(node, rng)
                known[id(node)] = File(data, data)
            entries[name] = known[id(node)]
    return Folder(entries, dict(entries))


def _torn(file: File, rng: random.Random) -> bytes:
    if file.data == file.synced:
        return file.data
    cut = rng.randint(0, len(file.data))
    torn = file.data[:cut] + bytes(len(file.data) - cut)
    choices = [file.synced, file.data[:cut], torn] if file.lost else [file.synced, file.data[:cut], torn, file.data]
    return rng.choice(choices)


class SimulatedBucket:
    """`bucket.Bucket` in memory: puts are atomic, an answer may be lost, and a listing may be late."""

    def __init__(self, faults: Faults) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults = faults
        self.recent: list[str] = []
        self.late = False
        """Listings leave out the last objects that were put."""

    def put(self, key: str, data: bytes | Path) -> None:
        self._change(key, data if isinstance(data, bytes) else data.read_bytes())

    def create(self, key: str, data: bytes) -> None:
        if key in self.objects:
            raise FileExistsError(key)
        if self._change(key, data) == "lost_reply":
            raise FileExistsError(key)  # the client asks again by itself, and meets its own object

    def read(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise FileNotFoundError(key) from None

    def read_range(self, key: str, start: int, end: int) -> bytes:
        return self.read(key)[start:end]

    def size(self, key: str) -> int:
        return len(self.read(key))

    def entries(self, prefix: str) -> Iterator[tuple[str, str]]:
        hidden = set(self.recent[-self.faults.rng.randint(0, 3) :]) if self.late and self.recent else set()
        yield from ((key, "") for key in sorted(self.objects) if key.startswith(f"{prefix}/") and key not in hidden)

    def names(self, prefix: str) -> list[str]:
        return sorted({key.removeprefix(f"{prefix}/").split("/")[0] for key, _ in self.entries(prefix)})

    def delete(self, keys: list[str]) -> None:
        if self.faults.strikes() == "crash":
            raise Crash
        for key in keys:
            self.objects.pop(key, None)

    def _change(self, key: str, data: bytes) -> str | None:
        fault = self.faults.strikes()
        if fault is None or fault == "lost_reply" or (fault == "crash" and self.faults.rng.random() < 0.5):
            self.objects[key] = data
            self.recent.append(key)
        if fault == "crash":
            raise Crash
        if fault == "down":
            raise GenericError("the service is down")
        return fault
