"""Files of a run folder, wherever it is. What appears in one goes through `commit`, `create` or `publish_folder`.

Two kinds of file: mutable ones (status, config, report), where the last write wins, and immutable ones (parts,
manifests, reply segments), where the first one does. All are there wholly or not at all, also after a power loss.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from skillray.errors import ConfigError, TableError
from skillray.store.bucket import ObjectStorage, ObstoreBucket
from skillray.store.disk import LocalStorage, draft_path, storage_error
from skillray.store.storage import Before, Storage, at_once

SCHEMES = ("s3", "gs")
_DISK = LocalStorage()


def storage_of(path: str) -> Storage:
    """The storage of a path, chosen by its scheme. Raises `ConfigError` for an unknown scheme or an unusable bucket."""
    scheme, separator, rest = path.partition("://")
    if not separator:
        return _DISK
    bucket = rest.partition("/")[0]
    if scheme not in SCHEMES or not bucket:
        raise ConfigError(f"{path}: can be a local path, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX; mount anything else")
    return _bucket(f"{scheme}://{bucket}")


@lru_cache
def _bucket(root: str) -> Storage:
    from obstore.exceptions import BaseError

    try:
        return ObjectStorage(root, ObstoreBucket(root))
    except BaseError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{root}: cannot be used ({reason}): check AWS_* or GOOGLE_* of the environment") from None


def is_url(path: str) -> bool:
    return "://" in path


def commit(path: str, data: bytes, before: Before = at_once) -> None:
    """Publish `data` at `path`, in place of what is there."""
    storage_of(path).put(path, data, before)


def commit_json(path: str, value: Any, before: Before = at_once) -> None:
    commit(path, as_json(value), before)


def create(path: str, data: bytes, before: Before = at_once) -> bool:
    """Publish `data` at `path` where nothing is yet; True when `data` is what stands there, False when it is not."""
    return storage_of(path).create(path, data, before)


def as_json(value: Any) -> bytes:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate, from a model's text, stays readable


def read_bytes(path: str) -> bytes:
    """FileNotFoundError when there is no such file."""
    return storage_of(path).read(path)


def read_json(path: str) -> Any:
    """The value at `path`; `TableError` when it is absent or no JSON."""
    try:
        return json.loads(read_bytes(path))
    except FileNotFoundError:
        raise TableError(f"{path} does not exist: the step that writes it has not finished") from None
    except ValueError as error:
        raise TableError(f"{path} is damaged ({error}): remove it and run again") from None


def exists(path: str) -> bool:
    """True where there is such a file; False for a folder."""
    return storage_of(path).exists(path)


def stands(path: str) -> bool:
    """True where the file would survive a power loss, so that one may build on it.

    A file can be visible before that: its writer may have died between the rename and the sync.
    """
    return storage_of(path).stands(path)


def has_folder(folder: str) -> bool:
    return storage_of(folder).has_folder(folder)


def names_in(folder: str) -> list[str]:
    """Files and folders in `folder`, sorted; none where there is no such folder."""
    return storage_of(folder).names(folder)


def settle(folder: str) -> None:
    """Make durable what is in `folder`, whose writer may have died before its sync."""
    storage_of(folder).settle(folder)


@contextmanager
def draft_folder(folder: str) -> Iterator[str]:
    """A new local folder to write the files of `folder` into, for `publish_folder`; it is gone afterwards."""
    # A draft beside `folder` is on the same disk, so that publishing it is a rename and no copy.
    draft = tempfile.mkdtemp(prefix="skillray-draft-") if is_url(folder) else draft_path(folder)
    try:
        os.makedirs(draft, exist_ok=True)
    except OSError as error:
        raise storage_error(draft, error) from error
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def publish_folder(draft: str, folder: str, manifest: Any, before: Before = at_once) -> bool:
    """Publish the files of `draft` as `folder`, with manifest.json last; False when one was there already."""
    return storage_of(folder).publish(draft, folder, as_json(manifest), before)


def place_file(draft: str, path: str) -> None:
    """Publish the finished local file `draft`, of any size, at `path`; on a disk it must be the same one."""
    storage_of(path).place(draft, path)


def remove(path: str) -> None:
    storage_of(path).remove(path)


def remove_tree(folder: str) -> None:
    storage_of(folder).remove_tree(folder)


def recover(folder: str) -> None:
    """Remove the drafts that killed processes left below `folder`; only the run's one writer may call it."""
    storage_of(folder).recover(folder)


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    for chunk in storage_of(path).chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def versions(url: str) -> dict[str, str]:
    """Every file below the bucket folder `url`, by its name there, with what tells one version from another."""
    storage = storage_of(url)
    assert isinstance(storage, ObjectStorage), "a local folder needs no copy"  # only `fetch` asks, of URLs
    return storage.versions(url)


def fetch(path: str, target: str) -> str:
    """Copy the file at `path` to the local file `target`; its sha256."""
    digest = hashlib.sha256()
    with open(target, "wb") as file:
        for chunk in storage_of(path).chunks(path):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def relative(path: str, folder: str) -> str:
    """The relative path from `folder` to `path`, which must be on the same disk or in the same bucket."""
    return posixpath.relpath(_without_scheme(path), _without_scheme(folder))


def resolve(folder: str, link: str) -> str:
    """The path that the relative `link` leads to from `folder`."""
    scheme, separator, rest = folder.rpartition("://")
    return f"{scheme}{separator}{posixpath.normpath(posixpath.join(rest, link))}"


def _without_scheme(path: str) -> str:
    return path.rpartition("://")[2]
