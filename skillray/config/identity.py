"""Which fields of a config may change between two attempts at the same run, and which may not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeGuard

from skillray.config.model import RunConfig
from skillray.errors import ConfigError
from skillray.store.paths import same_place
from skillray.teacher.settings import EXECUTION as TEACHER
from skillray.training.settings import EXECUTION as TRAINING

EXECUTION = (
    "cluster",
    "placement",
    "rounds",  # may be added; with fewer, what was made stays
    "budget",
    "grading.scorer.max_batch_tokens",  # rounding alone, and what fits depends on the device
    "teacher_check",
    *(f"teacher.{name}" for name in TEACHER),
    "teacher_by_task.*.budget",
    *(f"teacher_by_task.*.teacher.{name}" for name in TEACHER),
    *(f"training.{name}" for name in TRAINING),
)
"""Fields that decide where and how fast, not what comes out. All others are identity."""


def identity_hash(*values: Any) -> str:
    """16 hex digits of the canonical JSON of settings and hashes."""
    text = json.dumps(values, sort_keys=True, default=lambda value: value.model_dump(mode="json"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def refuse_changes(before: RunConfig, now: RunConfig, where: str) -> None:
    """`ConfigError` naming each identity field that differs; added students are allowed.

    A relative path that leads elsewhere, because the command is given in another folder, is no difference: what is in
    the files decides (`loop.inputs`).
    """
    old, new = _identity(before), _identity(now)
    _follow(old, before.cluster.folder, new, now.cluster.folder)
    old_students, new_students = old.pop("students"), new.pop("students")
    changed = _differences(old, new, "")
    for name, fields in old_students.items():
        if name in new_students:
            changed += _differences(fields, new_students[name], f"students.{name}.")
        else:
            changed.append(f"students.{name} was there, now it is not")
    if changed:
        raise ConfigError(f"{where} was started with other settings: {'; '.join(changed)}. Use a new --run-dir.")


def _identity(config: RunConfig) -> dict[str, Any]:
    fields = config.model_dump(mode="json")
    for dotted in EXECUTION:
        *path, last = dotted.split(".")
        for inner in _reached(fields, path):
            inner.pop(last, None)  # some are of one kind of teacher or scorer only
    fields["students"] = {student["name"]: student for student in fields["students"]}
    return fields


def _follow(old: Any, folder: str, new: Any, new_folder: str) -> None:
    """Put the new path in the place of the old one, wherever both are the same as seen from their folders."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = [(key, old[key], new[key]) for key in old if key in new]
    elif isinstance(old, list) and isinstance(new, list):
        pairs = [(key, *both) for key, both in enumerate(zip(old, new, strict=False))]
    else:
        return
    for key, before, now in pairs:
        if isinstance(before, str) and isinstance(now, str) and same_place(before, folder, now, new_folder):
            old[key] = now
        else:
            _follow(before, folder, now, new_folder)


def _reached(fields: dict[str, Any], path: list[str]) -> list[dict[str, Any]]:
    """The settings at a dotted path; "*" is every item of a list."""
    found: list[Any] = [fields]
    for part in path:
        found = [one for inner in found for one in (inner if part == "*" else [inner[part]])]
    return found


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> list[str]:
    found = []
    # Of a union: where its variant is another one, all other fields are others too.
    tag = "type" if "type" in old or old.keys() == new.keys() else "source"
    for key in [tag] if old.get(tag) != new.get(tag) else sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if _numbered(a) and _numbered(b) and len(a) == len(b):
            a, b = dict(enumerate(a)), dict(enumerate(b))
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key} was {a!r}, now {b!r}")
    return found


def _numbered(value: Any) -> TypeGuard[list[Any]]:
    """A list of settings, such as stages: what differs is told of the one that differs."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
