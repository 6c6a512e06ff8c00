"""What a run reads and does not make: data files, models and prompt templates, known by what is in them.

Their paths are fields of the config; here is what the paths lead to, as the run found it first:

    RUN/data/inputs.json    {"data.pool": {"content": HASH, "seen": HASH, "path": PATH, "files": {NAME: BYTES}},
                             "students.NAME.model": ...}

`content` is over the bytes, `seen` over places, sizes and times of local files: while those are the same, none is read
again. `path` is where it was found last: the same command may be given in another folder. Questions are read once, into
RUN/data, models and templates at every round.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from skillray.config.model import QuestionSource, RunConfig
from skillray.errors import DataError
from skillray.loop.evaluation_sets import source_of
from skillray.loop.prm import NEURAL
from skillray.loop.skill_graph import files_of
from skillray.loop.sources import paths_of
from skillray.loop.table_files import shards
from skillray.store.fence import Fence
from skillray.store.files import exists, read_json, sha256_of
from skillray.store.layout import RunFolder
from skillray.training.checkpoint import local_files, model_hash, resolve_model
from skillray.training.rehearsal import refuse_weights_not_finite

FEW = 3
"""Files named in a message."""


@dataclass(frozen=True, slots=True)
class GraphSource:
    """A graph or a syllabus."""

    path: str


@dataclass(frozen=True, slots=True)
class Templates:
    """A folder of prompts: a changed one would give one run replies to two sets of questions."""

    path: str

    def files(self) -> list[str]:
        return sorted(glob.glob(os.path.join(glob.escape(self.path), "*.j2")))


Input = QuestionSource | GraphSource | Templates | str
"""A table, a graph, prompts, or a model."""


def refuse_changed_inputs(run: RunFolder, config: RunConfig) -> None:
    """`DataError` for a file on this machine that is not what it was; what is gone or elsewhere is left to the run."""
    known, content = _known(run), cache(_content)
    for field, source in _inputs(config).items():
        if field in known and _seen(source):
            _look(run, field, source, known[field], content)


def note_inputs(run: RunFolder, config: RunConfig, fence: Fence) -> None:
    """Before anything is read: record what is new (also the model of an added student), refuse what changed."""
    known, content = _known(run), cache(_content)  # students share models
    found = dict(known)
    for field, source in _inputs(config).items():
        if field in known and isinstance(source, QuestionSource | GraphSource) and exists(run.graph):
            continue  # it stands in RUN/data, and is not read again
        found[field] = _look(run, field, source, known.get(field), content)
    if found != known:
        fence.commit_json(run.inputs, found)


def scorer_content(run: RunFolder) -> str:
    """The same of the model of `grading.scorer`; empty where it has none."""
    return str(_known(run).get("grading.scorer.model", {}).get("content", ""))


def model_content(run: RunFolder, student: str) -> str:
    """`model_hash` of the student's model, as it was noted."""
    return str(_known(run)[_model_field(student)]["content"])


def _inputs(config: RunConfig) -> dict[str, Input]:
    found: dict[str, Input] = {}
    if config.data.type == "tables":
        named = {"pool": config.data.pool, "probe": config.data.probe, "labels": config.data.labels}
        found |= {f"data.{name}": source for name, source in named.items() if source is not None}
        found |= {f"data.profiles.{source.name}": source for source in config.data.profiles}
    found |= {f"evaluation.sets.{one.name}": source_of(one) for one in config.evaluation.sets}
    found |= {field: GraphSource(path) for field, path in files_of(config.graph).items()}
    if config.data.replay is not None:
        found["data.replay"] = config.data.replay
    if config.rollout.recorded is not None:
        found["rollout.recorded"] = QuestionSource(path=config.rollout.recorded.path)
    if isinstance(config.grading.scorer, NEURAL):
        found["grading.scorer.model"] = config.grading.scorer.source
    if config.embedding is not None:
        found["embedding.model"] = config.embedding.model
    for place, teacher in enumerate(config.teachers, -1):
        field = "teacher" if place < 0 else f"teacher_by_task.{place}.teacher"
        if teacher.type == "vllm" and os.path.isdir(teacher.model):
            found[f"{field}.model"] = teacher.model
        if teacher.type != "domain" and teacher.prompts is not None:
            found[f"{field}.prompts"] = Templates(teacher.prompts)
    return found | {_model_field(student.name): student.model for student in config.students}


def _model_field(student: str) -> str:
    return f"students.{student}.model"


def _known(run: RunFolder) -> dict[str, Any]:
    return dict(read_json(run.inputs)) if exists(run.inputs) else {}


def _look(
    run: RunFolder, field: str, source: Input, known: dict[str, Any] | None, content: Callable[[Input], str]
) -> dict[str, Any]:
    seen = _seen(source)
    if known is not None and seen and seen == known["seen"]:
        return known
    path, sizes = source if isinstance(source, str) else source.path, _sizes(source)
    found = {"content": content(source), "seen": seen, "path": path, "files": sizes}
    if known is not None and found["content"] != known["content"]:
        raise DataError(
            f"{field}: the content of {path}{_difference(known.get('files', {}), sizes)} is not what it was when "
            f"{run.path} was started; restore it, or use a new --run-dir"
        )
    return found


def _sizes(source: Input) -> dict[str, int]:
    """Bytes of its local files, by name; of an adapter also those of its base, of which the larger one is told."""
    sizes: dict[str, int] = {}
    for path in _files(source):
        name = os.path.basename(path)
        sizes[name] = max(os.path.getsize(path), sizes.get(name, 0))
    return sizes


def _difference(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """In brackets, as far as names and sizes tell; empty where they were not kept."""
    if not before or not now:
        return ""
    told = [f"{name} is gone" for name in before if name not in now]
    told += [f"{name} is new" for name in now if name not in before]
    told += [
        f"{name} has {size:,} bytes, and had {before[name]:,}"
        for name, size in now.items()
        if before.get(name, size) != size
    ]
    return f" ({', '.join(told[:FEW]) or 'of the same size, with other bytes'})"


def _content(source: Input) -> str:
    if isinstance(source, str):
        content = model_hash(source)
        if source != "embedded":  # the project's own
            refuse_weights_not_finite(resolve_model(source), f"model {source}")
        return content
    if isinstance(source, Templates):
        return _digest(f"{os.path.basename(path)} {sha256_of(path)}" for path in source.files())
    try:
        paths = [source.path] if isinstance(source, GraphSource) else paths_of(source)
        return _digest(sha256_of(path) for path in paths)
    except FileNotFoundError:
        raise DataError(f"{source.path}: no such file; restore it") from None


def _seen(source: Input) -> str:
    """Empty for what is not on this machine, or not yet."""
    found = [(path, os.stat(path)) for path in _files(source)]
    return _digest(f"{path} {state.st_size} {state.st_mtime_ns}" for path, state in found) if found else ""


def _files(source: Input) -> list[str]:
    """Its files that are on this machine."""
    match source:
        case str():
            files = local_files(source)
        case Templates():
            files = source.files()
        case QuestionSource():
            files = shards(source.path, source.split) if os.path.isdir(source.path) else [source.path]
        case GraphSource():
            files = [source.path]
    return [path for path in files if os.path.isfile(path)]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
