"""Paths of a user's files, as a config gives them."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

TABLE_FILES = (".parquet", ".jsonl", ".json", ".csv", ".jsonl.gz", ".json.gz", ".csv.gz")
SYLLABUS_FILES = (".md", ".markdown", ".yaml", ".yml")
TEXT_FILES = (".txt",)
FOLDER = "folder"
"""Key of a validation's context: the folder that relative paths start from. Without it they start from the working
folder.
"""


def _absolute(path: str, info: ValidationInfo) -> str:
    """The full path of a file of this machine, present or not: runners have other working folders. URLs and model ids
    stay as they are.
    """
    if "://" in path:
        return path
    full = os.path.abspath(os.path.join((info.context or {}).get(FOLDER) or os.getcwd(), os.path.expanduser(path)))
    is_file = path.endswith(TABLE_FILES + SYLLABUS_FILES + TEXT_FILES)
    return full if is_file or path.startswith("~/") or (path and _exists(full)) else path


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:  # half of a surrogate pair
        return False


DataPath = Annotated[str, AfterValidator(_absolute)]


def same_place(path: str, folder: str, other: str, other_folder: str) -> bool:
    """True for equal paths, and for two full paths that are the same relative path from their two working folders."""
    if path == other:
        return True
    if not (os.path.isabs(path) and os.path.isabs(other)):
        return False
    return os.path.relpath(path, folder) == os.path.relpath(other, other_folder)
