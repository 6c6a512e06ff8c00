"""A run folder in a bucket: S3 or GCS through obstore. Objects appear whole; create-only puts do the rest.

Both stores list and read what was written at once (S3 since December 2020), and `create` is `If-None-Match: *` on S3,
`ifGenerationMatch=0` on GCS. Endpoint, region and credentials come from the environment (AWS_*, GOOGLE_*) or the
machine's role, never from a config.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from skillray.errors import ConfigError, StorageError
from skillray.store.storage import Before, at_once

CHUNK = 2**24
"""Bytes of one request for a part of a large object."""
RETRIES: Any = {"max_retries": 10, "retry_timeout": timedelta(minutes=3)}
"""Attempts at each request; obstore waits between them, longer each time."""


class Bucket(Protocol):
    """The requests that are needed, and no more: for tests, a bucket that lies."""

    def put(self, key: str, data: bytes | Path) -> None: ...
    def create(self, key: str, data: bytes) -> None:
        """Put a new object; FileExistsError where there is one already."""
        ...

    def read(self, key: str) -> bytes: ...
    def read_range(self, key: str, start: int, end: int) -> bytes: ...
    def size(self, key: str) -> int:
        """Size of an object in bytes; FileNotFoundError where there is none."""
        ...

    def entries(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Every key below the folder `prefix`, with what tells one version of its object from another."""
        ...

    def names(self, prefix: str) -> list[str]:
        """Objects and folders in the folder `prefix`, in any order."""
        ...

    def delete(self, keys: list[str]) -> None: ...


class ObstoreBucket:
    """A bucket through obstore; `root` is s3://BUCKET or gs://BUCKET."""

    def __init__(self, root: str) -> None:
        from obstore.store import from_url

        self._store: Any = from_url(root, retry_config=RETRIES)  # client_options would hide those of AWS_*

    def put(self, key: str, data: bytes | Path) -> None:
        import obstore

        obstore.put(self._store, key, data)

    def create(self, key: str, data: bytes) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            obstore.put(self._store, key, data, mode="create")
        except AlreadyExistsError:
            raise FileExistsError(key) from None

    def read(self, key: str) -> bytes:
        import obstore

        return bytes(obstore.get(self._store, key).bytes())

    def read_range(self, key: str, start: int, end: int) -> bytes:
        import obstore

        return bytes(obstore.get_range(self._store, key, start=start, end=end))

    def size(self, key: str) -> int:
        import obstore

        return int(obstore.head(self._store, key)["size"])

    def entries(self, prefix: str) -> Iterator[tuple[str, str]]:
        import obstore

        for page in obstore.list(self._store, prefix=prefix):
            yield from ((str(entry["path"]), f"{entry['size']} {entry['e_tag']}") for entry in page)

    def names(self, prefix: str) -> list[str]:
        import obstore

        listing = obstore.list_with_delimiter(self._store, prefix=prefix)
        paths = [entry["path"] for entry in listing["objects"]]
        paths += listing["common_prefixes"]
        return [os.path.basename(path.rstrip("/")) for path in paths]

    def delete(self, keys: list[str]) -> None:
        import obstore

        obstore.delete(self._store, keys)


class ObjectStorage:
    """`Storage` in the bucket at `root`."""

    def __init__(self, root: str, bucket: Bucket) -> None:
        self._root = root
        self._bucket = bucket

    def put(self, path: str, data: bytes, before: Before = at_once) -> None:
        before()
        with _told(path, needs_bucket=True):
            self._bucket.put(self._key(path), data)

    def create(self, path: str, data: bytes, before: Before = at_once) -> bool:
        """See `Storage`. Bytes decide whether the put succeeded: where an answer was lost, the repeated put meets the
        object that the first one wrote.
        """
        before()
        with _told(path, needs_bucket=True):
            try:
                self._bucket.create(self._key(path), data)
            except FileExistsError:
                return self._stands(path, data)
        return True

    def publish(self, draft: str, folder: str, manifest: bytes, before: Before = at_once) -> bool:
        """See `Storage`. Files are put one by one, over those of an attempt that wrote no manifest."""
        manifest_path = f"{folder}/manifest.json"
        if self.exists(manifest_path):
            return False
        for name in sorted(_files_below(draft)):
            before()  # for every file: a large checkpoint takes minutes, in which somebody may take over
            with _told(f"{folder}/{name}", needs_bucket=True):
                self._bucket.put(self._key(f"{folder}/{name}"), Path(draft, name))
        return self.create(manifest_path, manifest, before)

    def place(self, draft: str, path: str) -> None:
        with _told(path, needs_bucket=True):
            self._bucket.put(self._key(path), Path(draft))

    def read(self, path: str) -> bytes:
        with _told(path):
            return self._bucket.read(self._key(path))

    def chunks(self, path: str) -> Iterator[bytes]:
        with _told(path):
            size = self._bucket.size(self._key(path))
            for start in range(0, size, CHUNK):
                yield self._bucket.read_range(self._key(path), start, min(start + CHUNK, size))

    def exists(self, path: str) -> bool:
        try:
            with _told(path):
                return self._bucket.size(self._key(path)) >= 0
        except FileNotFoundError:
            return False

    def stands(self, path: str) -> bool:
        return self.exists(path)

    def names(self, folder: str) -> list[str]:
        with _told(folder, needs_bucket=True):
            return sorted(self._bucket.names(self._key(folder)))

    def has_folder(self, folder: str) -> bool:
        with _told(folder, needs_bucket=True):
            return next(self._bucket.entries(self._key(folder)), None) is not None

    def settle(self, folder: str) -> None:
        """Nothing is left to do: an object is durable as soon as it is visible."""

    def remove(self, path: str) -> None:
        with _told(path):
            self._bucket.delete([self._key(path)])

    def remove_tree(self, folder: str) -> None:
        with _told(folder, needs_bucket=True):
            self._bucket.delete([key for key, _ in self._bucket.entries(self._key(folder))])

    def versions(self, folder: str) -> dict[str, str]:
        """Relative path of every file below `folder` -> a text that differs between two versions of the file."""
        with _told(folder, needs_bucket=True):
            entries = self._bucket.entries(self._key(folder))
            return {os.path.relpath(key, self._key(folder)): version for key, version in entries}

    def recover(self, folder: str) -> None:
        """Nothing is left to do: an unfinished upload is invisible, and a lifecycle rule of the bucket ends it."""

    def _stands(self, path: str, data: bytes) -> bool:
        try:
            return self._bucket.read(self._key(path)) == data
        except FileNotFoundError:  # a lock that was let go just now
            return False

    def _key(self, path: str) -> str:
        return path.removeprefix(self._root).strip("/")


def _files_below(folder: str) -> Iterator[str]:
    for root, _, names in os.walk(folder):
        yield from (os.path.relpath(os.path.join(root, name), folder) for name in names)


@contextmanager
def _told(path: str, needs_bucket: bool = False) -> Iterator[None]:
    """Turn errors of the store in the block into ours: one line that names the path and what to do.

    `needs_bucket`: the request fails as not found only if the bucket itself is absent.
    """
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except FileNotFoundError:
        if not needs_bucket:
            raise
        raise ConfigError(f"{path}: there is no such bucket: make it, or give another") from None
    except (PermissionDeniedError, UnauthenticatedError):
        raise ConfigError(
            f"{path}: access is denied: check AWS_* or GOOGLE_* of the environment, or the role"
        ) from None
    except BaseError as error:
        raise StorageError(
            f"{path}: {_line(error)}: check endpoint, region and network, and run the same command"
        ) from error
    except ValueError as error:  # before any request: an empty part as in a//b, or a line break
        raise ConfigError(f"{path}: no file of a bucket can be named so ({_line(error)}): give another name") from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
