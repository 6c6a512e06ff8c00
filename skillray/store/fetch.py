"""Folders of a bucket as local ones, fetched once a node: models and checkpoints, which libraries want as files.

    ~/.cache/skillray/KEY/    XDG_CACHE_HOME is respected; whatever is not in use can be removed at any time

The key is a hash of the folder's manifest.json, so a checkpoint is fetched once however often it is used, and one that
was made anew is another; of a folder without a manifest it is a hash of its files' names, sizes and versions.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch

from skillray.errors import DataError, StorageError
from skillray.store import files
from skillray.store.disk import storage_error


def fetched_folder(url: str, patterns: Sequence[str]) -> str:
    """The local copy of the folder at `url`: what its manifest names, or the files that match `patterns`.

    Raises:
        DataError: there is no such file, or one is not what the manifest says.
        StorageError: the bucket or the local disk failed.
    """
    contents = _contents(url, patterns)
    key = hashlib.sha256(json.dumps([url, contents], sort_keys=True).encode()).hexdigest()[:32]
    root = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "skillray")
    folder = os.path.join(root, key)
    os.makedirs(root, exist_ok=True)
    with _alone(f"{folder}.lock"):
        if not os.path.isdir(folder):
            try:
                _fetch(url, contents, folder)
            except FileNotFoundError as error:
                raise DataError(f"{url} has changed while it was fetched ({error}): run again") from None
            except StorageError:
                raise
            except OSError as error:
                raise storage_error(folder, error) from error
    return folder


def _contents(url: str, patterns: Sequence[str]) -> dict[str, str]:
    """Name of each file to fetch -> its sha256 from the manifest or, without a manifest, its version in the bucket."""
    manifest = os.path.join(url, "manifest.json")
    if files.exists(manifest):
        data = files.read_bytes(manifest)
        listed = json.loads(data)["files"]
        hashes = {name: entry["sha256"] for name, entry in listed.items()}
        return hashes | {"manifest.json": hashlib.sha256(data).hexdigest()}

    versions = files.versions(url)
    matching = {name: version for name, version in versions.items() if any(fnmatch(name, p) for p in patterns)}
    if not matching:
        raise DataError(f"{url}: there is nothing to fetch; give the folder that holds config.json and *.safetensors")
    return matching


def _fetch(url: str, contents: dict[str, str], folder: str) -> None:
    """Copy the files into a draft, compare them with the manifest, and rename: a copy is whole or absent."""
    draft = f"{folder}.tmp"
    shutil.rmtree(draft, ignore_errors=True)
    for name, version in contents.items():
        path = os.path.join(draft, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        digest = files.fetch(os.path.join(url, name), path)
        if "manifest.json" in contents and digest != version:
            raise DataError(f"{url}/{name} differs from its manifest: remove {url} and run again")
    os.rename(draft, folder)


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Let one process of this machine at a time into the block; the system unlocks when the process dies."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
