"""Tables of a Hugging Face data set: downloaded once, offline mode respected."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence

from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.store.paths import TABLE_FILES

CONVERTED = "refs/convert/parquet"
"""Where the hub keeps every public data set as Parquet; of its newest revision only."""


def from_hub(source: QuestionSource) -> list[str]:
    """Local paths of the files of its subset and split: of the hub's own Parquet files, or of those of a revision."""
    if source.revision is not None:
        return _of_revision(source, source.revision)
    pattern = f"{source.subset or 'default'}/{source.split or 'train'}/*.parquet"
    folder = _download(source, CONVERTED, [pattern])
    paths = sorted(glob.glob(f"{glob.escape(folder)}/{pattern}"))
    if not paths:
        raise DataError(f"{source.path}: has no subset {source.subset!r} with split {source.split!r}")
    return paths


def _of_revision(source: QuestionSource, revision: str) -> list[str]:
    """The files that its authors put there, which are named after their split, or in a folder of that name."""
    split = source.split or "train"
    folder = _download(source, revision, [f"*{split}*{ending}" for ending in TABLE_FILES])
    names = [
        os.path.relpath(path, folder)
        for path in sorted(glob.glob(f"{glob.escape(folder)}/**/*", recursive=True))
        if path.endswith(TABLE_FILES)
    ]
    chosen = [name for name in names if _is_of(name, split) and (source.subset or "") in ("", *name.split("/")[:-1])]
    if not chosen:
        raise DataError(
            f"{source.path}@{revision}: has no table of subset {source.subset!r} and split {split!r}; it has "
            f"{', '.join(names[:5]) or 'none'}"
        )
    if len(folders := sorted({os.path.dirname(name) for name in chosen})) > 1:
        raise DataError(f"{source.path}@{revision}: has tables in {', '.join(folders[:5])}; give its `subset`")
    return [os.path.join(folder, name) for name in chosen]


def _is_of(name: str, split: str) -> bool:
    *folders, file = name.split("/")
    return split in folders or re.match(rf"{re.escape(split)}(?=[-._])", file) is not None


def _download(source: QuestionSource, revision: str, patterns: Sequence[str]) -> str:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return str(
            snapshot_download(source.path, repo_type="dataset", revision=revision, allow_patterns=list(patterns))
        )
    except RevisionNotFoundError:
        raise DataError(f"{source.path}: has no revision {source.revision or revision!r} that can be read") from None
    except RepositoryNotFoundError:
        raise DataError(f"{source.path}: neither a file nor a Hugging Face data set that can be read") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(f"{source.path}: cannot be downloaded ({reason}); give a local path with --set") from None
