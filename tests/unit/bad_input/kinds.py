"""What a bad-input case is made of, and the right files that it spoils in one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Make = Callable[[Path], object]

DOMAIN: dict[str, Any] = {"name": "r", "students": [{"name": "a", "curriculum": {"type": "stat-sel"}}]}
TABLES: dict[str, Any] = DOMAIN | {
    "data": {"type": "tables", "pool": {"path": "pool.jsonl"}, "probe": {"path": "probe.jsonl"}},
    "grading": {"scorer": {"type": "outcome"}},
    "diagnosis": {"source": "labels"},
}
RECORDED: dict[str, Any] = TABLES | {
    "rollout": {"recorded": {"path": "recorded.jsonl"}},
    "students": [{"name": "a", "recorded": "them", "curriculum": {"type": "stat-sel"}}],
}
MODEL: dict[str, Any] = DOMAIN | {"students": [{"name": "a", "model": "./m", "curriculum": {"type": "stat-sel"}}]}


@dataclass(frozen=True)
class Case:
    """Files in an empty folder, a command in it, and what its one line must hold."""

    name: str
    words: tuple[str, ...]
    expected: tuple[str, ...]
    make: Make = lambda folder: None


def question(n: int, **more: Any) -> dict[str, Any]:
    return {"question_id": f"q{n}", "question": f"{n} + 1?", "answer": str(n + 1), "skills": ["sum"], "level": 1} | more


def answer(n: int, **more: Any) -> dict[str, Any]:
    return {"question_id": f"q{n}", "student": "them", "sample": 0, "response": f"#### {n + 1}"} | more


POOL = [question(n) for n in range(10)]
PROBE = [question(n) for n in range(100, 140)]
ANSWERS = [answer(n) for n in range(100, 140)]


def write_config(folder: Path, config: Mapping[str, Any] = DOMAIN) -> None:
    (folder / "c.yaml").write_text(json.dumps(config))  # JSON is YAML


def write_rows(path: Path, rows: Any) -> None:
    """As Parquet or JSONL, by the name; text and bytes as they are; a callable makes the path itself."""
    if callable(rows):
        rows(path)
    elif isinstance(rows, bytes):
        path.write_bytes(rows)
    elif isinstance(rows, str):
        path.write_text(rows)
    elif path.suffix == ".parquet":
        pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def text(name: str, content: str | bytes, *expected: str) -> Case:
    """A config file with this content."""
    return Case(name, ("plan", "c.yaml"), ("c.yaml", *expected), lambda folder: write_rows(folder / "c.yaml", content))


def field(name: str, value: str, *expected: str, config: Mapping[str, Any] = DOMAIN) -> Case:
    """A right config, and one `--set`."""
    return Case(name, ("plan", "c.yaml", "--set", value), expected, lambda folder: write_config(folder, config))


def tables(name: str, *expected: str, config: Mapping[str, Any] = RECORDED, **files: Any) -> Case:
    """Right tables but for `files`: pool, probe, recorded or labels to rows, text or bytes, or (file name, those)."""

    def make(folder: Path) -> None:
        found: dict[str, Any] = {"pool": POOL, "probe": PROBE, "recorded": ANSWERS} | files
        write_config(folder, config)
        for stem, rows in found.items():
            file, content = rows if isinstance(rows, tuple) else (f"{stem}.jsonl", rows)
            write_rows(folder / file, content)

    sets: list[str] = []
    paths = {stem: f"data.{stem}.path" for stem in ("pool", "probe", "labels", "replay")}
    for stem, rows in files.items():
        file = rows[0] if isinstance(rows, tuple) else f"{stem}.jsonl"
        sets += ["--set", f"{paths.get(stem, 'rollout.recorded.path')}={file}"]
    return Case(name, ("plan", "c.yaml", *sets), expected, make)


def write_model(folder: Path) -> None:
    """A model folder as far as it is looked at: settings, a header of weights, a tokenizer with a chat template."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir()
    settings = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 1024}
    (folder / "config.json").write_text(json.dumps(settings))
    save_file({"weight": np.zeros((4, 4), np.float32)}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))


def write_adapter(folder: Path, base: Any = "./base") -> None:
    """An adapter at `folder` over the model `base` beside it."""
    write_model(folder)
    write_model(folder.parent / "base")
    (folder / "config.json").unlink()
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    settings = {"base_model_name_or_path": base, "r": 16, "lora_alpha": 32}
    (folder / "adapter_config.json").write_text(json.dumps(settings))


def model(name: str, spoil: Make, *expected: str, write: Make = write_model, value: str = "") -> Case:
    """A model folder that `spoil` gets after it was right."""

    def make(folder: Path) -> None:
        write_config(folder, MODEL)
        write(folder / "m")
        spoil(folder / "m")

    sets = ("--set", value) if value else ()
    return Case(name, ("plan", "c.yaml", *sets), expected, make)
