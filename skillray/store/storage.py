"""The operations that a run folder needs of its storage, which is a local disk (`disk`) or a bucket (`bucket`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

Before = Callable[[], None]
"""A check that is called when everything is written and nothing is visible yet; its error stops the commit."""


def at_once() -> None:
    """The `Before` of a file that needs no fence."""


class Storage(Protocol):
    """Files under whole paths, which are URLs for a bucket. A file that is not there is a FileNotFoundError.

    Whatever else goes wrong is a `StorageError` of one line that names the path.
    """

    def put(self, path: str, data: bytes, before: Before = at_once) -> None:
        """Publish `data`, in place of what is there: wholly or not at all, and for good once this returns."""
        ...

    def create(self, path: str, data: bytes, before: Before = at_once) -> bool:
        """Publish `data` where nothing is yet: wholly or not at all. True when `data` stands there, for good.

        False when other bytes do: the first write wins. Equal bytes are no conflict, whoever wrote them.
        """
        ...

    def publish(self, draft: str, folder: str, manifest: bytes, before: Before = at_once) -> bool:
        """Publish the files of the local folder `draft` as `folder`, with `manifest` as its manifest.json, last.

        False when a manifest is there already: the first one stays, with its files. May move `draft` away.
        """
        ...

    def place(self, draft: str, path: str) -> None:
        """Publish the local file `draft`, of any size, in place of what is at `path`. May move `draft` away."""
        ...

    def read(self, path: str) -> bytes: ...

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file that may be larger than memory."""
        ...

    def exists(self, path: str) -> bool:
        """True where there is such a file; False for a folder."""
        ...

    def stands(self, path: str) -> bool:
        """True where the file would survive a power loss, so that one may build on it."""
        ...

    def names(self, folder: str) -> list[str]:
        """Files and folders in `folder`, sorted; none where there is no such folder."""
        ...

    def has_folder(self, folder: str) -> bool: ...

    def settle(self, folder: str) -> None:
        """Make durable what is in `folder`, whose writer may have died before its sync."""
        ...

    def remove(self, path: str) -> None:
        """Remove the file; nothing happens where there is none."""
        ...

    def remove_tree(self, folder: str) -> None: ...
    def recover(self, folder: str) -> None:
        """Remove the drafts of killed processes from `folder` and all below it, and make durable what they published.

        A file may have been visible and not yet durable when its writer died.
        """
        ...
