"""Paths of a user's files, as a config gives them."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator

TABLE_FILES = (".parquet", ".jsonl", ".json")
SYLLABUS_FILES = (".md", ".markdown", ".yaml", ".yml")


def _absolute(path: str) -> str:
    """A file of this machine by its full path, also when it is gone: runners have other working directories."""
    is_file = path.endswith(TABLE_FILES + SYLLABUS_FILES) and "://" not in path
    return os.path.abspath(path) if is_file or os.path.exists(path) else path


DataPath = Annotated[str, AfterValidator(_absolute)]
