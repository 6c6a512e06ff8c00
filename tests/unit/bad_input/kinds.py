"""What a bad-input case is made of, and the right files that it spoils in one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.tiny import TEMPLATE

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


SETTINGS: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 304,
    "hidden_size": 4,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
    "bos_token_id": None,
    "eos_token_id": None,
}
SHAPES = {
    "model.embed_tokens.weight": (304, 4),
    "model.norm.weight": (4,),
    "model.layers.0.input_layernorm.weight": (4,),
    "model.layers.0.post_attention_layernorm.weight": (4,),
    **{f"model.layers.0.self_attn.{name}_proj.weight": (4, 4) for name in "qkvo"},
    "model.layers.0.mlp.gate_proj.weight": (8, 4),
    "model.layers.0.mlp.up_proj.weight": (8, 4),
    "model.layers.0.mlp.down_proj.weight": (4, 8),
}
LORA = {
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": (16, 4),
    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": (4, 16),
}


def write_weights(path: Path, shapes: Mapping[str, tuple[int, ...]], value: float = 0.5) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({name: np.full(shape, value, np.float32) for name, shape in shapes.items()}, path)


def write_tokenizer(folder: Path, marks: tuple[str, ...] = ("ки", "<extra_0>")) -> None:
    """One that knows bytes and `marks`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=list(marks), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_model(folder: Path) -> None:
    """A Llama of one layer that transformers loads, and a tokenizer of bytes with a chat template."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SETTINGS))
    write_weights(folder / "model.safetensors", SHAPES)
    write_tokenizer(folder)
    tokenizer = {"chat_template": TEMPLATE, "eos_token": "<|end|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))


def write_adapter(folder: Path, base: Any = "./base") -> None:
    """An adapter at `folder` over the model `base` beside it."""
    write_model(folder)
    write_model(folder.parent / "base")
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    write_weights(folder / "adapter_model.safetensors", LORA)
    settings = {"base_model_name_or_path": base, "r": 16, "lora_alpha": 32, "peft_type": "LORA"}
    settings |= {"target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(settings))


def model(name: str, spoil: Make, *expected: str, write: Make = write_model, value: str = "") -> Case:
    """A model folder that `spoil` gets after it was right."""

    def make(folder: Path) -> None:
        write_config(folder, MODEL)
        write(folder / "m")
        spoil(folder / "m")

    sets = ("--set", value) if value else ()
    return Case(name, ("plan", "c.yaml", *sets), expected, make)
