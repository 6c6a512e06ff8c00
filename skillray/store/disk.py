"""A run folder on a local or mounted disk: write aside, fsync, link or rename, fsync of the folder."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from typing import Protocol
from uuid import uuid4

from skillray.errors import ConfigError, StorageError, TableError
from skillray.store.storage import Before, at_once

CHUNK = 2**24
"""Bytes read at a time of a large file."""


DRAFT = re.compile(r"\.[0-9a-f]{32}\.tmp$")
"""The end of a draft's name, as `draft_path` makes it."""


def draft_path(path: str) -> str:
    """A new path beside `path`, for the draft of a file or folder that will be renamed to it."""
    return f"{path}.{uuid4().hex}.tmp"


class Disk(Protocol):
    """The calls of the operating system that are needed, and no more: for tests, a disk that lies."""

    def make_folder(self, path: str) -> None:
        """Make one folder; FileExistsError where it is there, FileNotFoundError where the one above it is not."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Write a new file with all of `data`, which is not durable before `sync`."""
        ...

    def sync(self, path: str) -> None:
        """Make a file's bytes, or the names in a folder, durable (fsync)."""
        ...

    def link(self, source: str, target: str) -> None:
        """Give a file a second name (hard link); FileExistsError where the name is taken."""
        ...

    def replace(self, source: str, target: str) -> None:
        """Rename. A file replaces a file; a folder replaces an empty folder only."""
        ...

    def unlink(self, path: str) -> None: ...
    def remove_tree(self, folder: str) -> None:
        """Remove the folder and all below it, as far as that is possible; raises nothing."""
        ...

    def read(self, path: str) -> bytes: ...
    def is_file(self, path: str) -> bool: ...
    def is_folder(self, path: str) -> bool: ...
    def names(self, folder: str) -> list[str]:
        """Names of the files and folders in `folder`, in any order."""
        ...


class RealDisk:
    """The disk of the operating system."""

    def make_folder(self, path: str) -> None:
        os.mkdir(path)

    def write(self, path: str, data: bytes) -> None:
        with open(path, "xb") as file:
            file.write(data)

    def sync(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: str, target: str) -> None:
        os.link(source, target)

    def replace(self, source: str, target: str) -> None:
        os.replace(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def remove_tree(self, folder: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()

    def is_file(self, path: str) -> bool:
        return os.path.isfile(path)

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(path)

    def names(self, folder: str) -> list[str]:
        return os.listdir(folder)


class LocalStorage:
    """`Storage` on a disk that keeps what it has synced, and whose rename and link are atomic.

    A draft stands beside its target, so that both are on one file system; its name ends in .tmp. A file's bytes are
    synced before it gets its name, so a name never shows half a file; a folder is synced after it, and folders that
    are new, or new to this process, are synced up to the root, so what was acknowledged can be found again.
    """

    def __init__(self, disk: Disk | None = None) -> None:
        self._disk = disk or RealDisk()
        self._settled: set[str] = set()
        """Folders whose own names are durable in the folder above; syncing them again would only cost time."""
        self._standing: set[str] = set()
        """Files whose names are durable."""

    def put(self, path: str, data: bytes, before: Before = at_once) -> None:
        with _told(path), _or_stale(before), self._draft(path, data) as draft:
            before()
            self._disk.replace(draft, path)
            self._disk.sync(os.path.dirname(path))

    def create(self, path: str, data: bytes, before: Before = at_once) -> bool:
        with _told(path):
            if self._disk.is_file(path):
                return self._stands(path, data)
            with _or_stale(before), self._draft(path, data) as draft:
                before()
                if not self._link(draft, path):
                    return self._stands(path, data)
                self._disk.sync(os.path.dirname(path))
        return True

    def publish(self, draft: str, folder: str, manifest: bytes, before: Before = at_once) -> bool:
        """See `Storage`. One rename shows files and manifest together; it fails where a folder with files is."""
        with _told(folder), _or_stale(before):
            self._disk.write(os.path.join(draft, "manifest.json"), manifest)
            self._sync_below(draft)
            self._make_folder(os.path.dirname(folder))
            before()
            try:
                self._disk.replace(draft, folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                if not self._disk.is_file(os.path.join(folder, "manifest.json")):
                    raise TableError(f"{folder} is there and has no manifest: remove it and run again") from None
                self.settle(os.path.dirname(folder))
                return False
            self._disk.sync(os.path.dirname(folder))
        return True

    def place(self, draft: str, path: str) -> None:
        with _told(path):
            self._make_folder(os.path.dirname(path))
            self._disk.sync(draft)
            self._disk.replace(draft, path)
            self._disk.sync(os.path.dirname(path))

    def read(self, path: str) -> bytes:
        with _told(path, absent=True):
            return self._disk.read(path)

    def chunks(self, path: str) -> Iterator[bytes]:
        with _told(path, absent=True), open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def exists(self, path: str) -> bool:
        return self._disk.is_file(path)

    def stands(self, path: str) -> bool:
        if not self._disk.is_file(path):
            return False
        if path not in self._standing:
            self.settle(os.path.dirname(path))
            self._standing.add(path)
        return True

    def names(self, folder: str) -> list[str]:
        with _told(folder):
            return sorted(self._disk.names(folder)) if self._disk.is_folder(folder) else []

    def has_folder(self, folder: str) -> bool:
        return self._disk.is_folder(folder)

    def settle(self, folder: str) -> None:
        with _told(folder):
            if self._disk.is_folder(folder):
                self._make_folder(folder)
                self._disk.sync(folder)

    def remove(self, path: str) -> None:
        with _told(path), contextlib.suppress(FileNotFoundError):
            self._disk.unlink(path)
            self._disk.sync(os.path.dirname(path))

    def remove_tree(self, folder: str) -> None:
        self._disk.remove_tree(folder)
        # A folder that is made anew under a name that was removed must be synced anew.
        self._settled = {path for path in self._settled if not f"{path}/".startswith(f"{folder}/")}

    def recover(self, folder: str) -> None:
        self.settle(folder)
        for name in self.names(folder):
            path = os.path.join(folder, name)
            if not self._disk.is_folder(path):
                if DRAFT.search(name):
                    self.remove(path)
            elif DRAFT.search(name):
                self.remove_tree(path)
            else:
                self.recover(path)

    @contextlib.contextmanager
    def _draft(self, path: str, data: bytes) -> Iterator[str]:
        """A synced file with `data` beside `path`; whatever happens, it is gone afterwards."""
        self._make_folder(os.path.dirname(path))
        draft = draft_path(path)
        try:
            self._disk.write(draft, data)
            self._disk.sync(draft)
            yield draft
        finally:
            if self._disk.is_file(draft):
                self._disk.unlink(draft)

    def _link(self, draft: str, path: str) -> bool:
        """Give the draft its final name; False where the name is taken. Unlike a rename, a link replaces nothing."""
        try:
            self._disk.link(draft, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            raise ConfigError(
                f"{path}: its file system has no hard links, which a run folder needs: use another"
            ) from None
        return True

    def _stands(self, path: str, data: bytes) -> bool:
        """True where the file holds `data`. It is made durable first: its writer may have died before its sync."""
        self.settle(os.path.dirname(path))
        try:
            return self._disk.read(path) == data
        except FileNotFoundError:  # a lock that was let go just now
            return False

    def _sync_below(self, folder: str) -> None:
        """Make durable all files and names below `folder`, the innermost first."""
        for name in self._disk.names(folder):
            path = os.path.join(folder, name)
            if self._disk.is_folder(path):
                self._sync_below(path)
            else:
                self._disk.sync(path)
        self._disk.sync(folder)

    def _make_folder(self, folder: str) -> None:
        """Make the folder and those above it, and make the name of each durable in the folder above."""
        folder = folder or "."
        if folder in self._settled and self._disk.is_folder(folder):
            return
        parent = os.path.dirname(folder) or "."
        if parent != folder:
            self._make_folder(parent)
        if self._disk.is_folder(folder):
            with contextlib.suppress(PermissionError):  # of somebody else, and above the run
                self._disk.sync(parent)
        else:
            with contextlib.suppress(FileExistsError):  # another worker was faster
                self._disk.make_folder(folder)
            self._disk.sync(parent)
        self._settled.add(folder)


@contextlib.contextmanager
def _or_stale(before: Before) -> Iterator[None]:
    """Raise `StaleWriterError` in place of a FileNotFoundError where `before` says that the writer is stale.

    Whoever takes a run over removes the drafts in it, so a stale writer loses its own: that is no fault of the disk.
    """
    try:
        yield
    except FileNotFoundError:
        before()
        raise


@contextlib.contextmanager
def _told(path: str, absent: bool = False) -> Iterator[None]:
    """Turn OSErrors in the block into `StorageError`, one line that names the path.

    With `absent`, a FileNotFoundError passes as it is: to a reader, that a file is absent is an answer.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if absent and isinstance(error, FileNotFoundError):
            raise
        raise storage_error(path, error) from error


def storage_error(path: str, error: BaseException) -> StorageError:
    """The error for a path that could not be read or written; shows the free bytes where a full disk may be why."""
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or (str(error).strip().splitlines() or [type(error).__name__])[0]
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None):
        return StorageError(
            f"{path}: {reason} ({_free(path)}): make room if that is why, and run the same command again"
        )
    return StorageError(f"{path}: {reason}: mend it and run the same command again")


def _free(path: str) -> str:
    """Free bytes of the file system of `path`, which need not exist itself."""
    while path and not os.path.isdir(path):
        path = os.path.dirname(path)
    return f"{shutil.disk_usage(path or '.').free:,} bytes free"
