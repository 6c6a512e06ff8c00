"""Files of a run folder. `commit` is the only way anything becomes visible in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import Any
from uuid import uuid4

from skillray.errors import ConfigError, TableError


def local(path: str) -> str:
    """`path`, refused unless it is on a local or mounted disk."""
    if "://" in path:
        raise ConfigError(f"run folder {path!r}: only local paths are supported; mount the bucket or give a path")
    return path


def commit(path: str, data: bytes) -> None:
    """Publish `data` at `path`: wholly there or not at all, also after a power loss.

    tmp in the same folder, fsync, rename, fsync of the folder. An existing file is replaced.
    """
    folder = os.path.dirname(local(path))
    os.makedirs(folder, exist_ok=True)
    draft = f"{path}.{uuid4().hex}.tmp"
    try:
        with open(draft, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:  # whatever stopped us (full disk, signal): leave no draft behind, then tell
        _forget(draft)
        raise
    sync_folder(folder)


def commit_json(path: str, value: Any) -> None:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    commit(path, text.encode("utf-8", "backslashreplace"))  # a lone surrogate, from a model's text, stays readable


def read_json(path: str) -> Any:
    """The value at `path`; `TableError` when it is absent or no JSON."""
    try:
        with open(local(path), "rb") as file:
            return json.loads(file.read())
    except FileNotFoundError:
        raise TableError(f"{path} does not exist: the step that writes it has not finished") from None
    except ValueError as error:
        raise TableError(f"{path} is damaged ({error}): remove it and run again") from None


def exists(path: str) -> bool:
    return os.path.exists(local(path))


def publish_folder(draft: str, path: str) -> None:
    """Make the finished folder `draft` visible as `path`; every file is synced first."""
    for root, _, names in os.walk(draft):
        for name in names:
            _sync_file(os.path.join(root, name))
        sync_folder(root)
    if os.path.isdir(path):
        shutil.rmtree(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.replace(draft, path)
    sync_folder(os.path.dirname(path))


def place_file(draft: str, path: str) -> None:
    """Publish the finished file `draft`, of any size and on the same disk, at `path`; `draft` is gone then."""
    os.makedirs(os.path.dirname(local(path)), exist_ok=True)
    _sync_file(draft)
    os.replace(draft, path)
    sync_folder(os.path.dirname(path))


def names_in(folder: str) -> list[str]:
    """What is directly in `folder`, sorted; nothing when it is not there."""
    return sorted(os.listdir(local(folder))) if os.path.isdir(local(folder)) else []


def remove_tree(path: str) -> None:
    shutil.rmtree(local(path), ignore_errors=True)


def sha256_of(path: str) -> str:
    with open(local(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _forget(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
