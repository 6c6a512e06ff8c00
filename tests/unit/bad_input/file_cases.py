"""Tables and models that are not what a config says they are."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.bad_input.kinds import (
    ANSWERS,
    POOL,
    PROBE,
    TABLES,
    Case,
    answer,
    field,
    model,
    question,
    tables,
    write_adapter,
)


def cut(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(POOL), path)
    path.write_bytes(path.read_bytes()[:-50])


def lines(*rows: object) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def without(rows: list[dict], name: str) -> list[dict]:
    return [{key: value for key, value in row.items() if key != name} for row in rows]


HARD = TABLES | {"students": [{"name": "a", "curriculum": {"type": "hard", "min_level": 5}}]}
TO_LABEL = TABLES | {"data": TABLES["data"] | {"labelling": {}}, "teacher": {"type": "openai", "model": "m"}}
LABELLED = TABLES | {"data": TABLES["data"] | {"labels": {"path": "labels.jsonl"}}}

UNLABELLED = {"pool": without(POOL, "skills"), "probe": without(PROBE, "skills")}

REPLAYED = {"students": [{"name": "a", "curriculum": {"type": "textbooks", "replay": 0.1}}]}
REPLAY = TABLES | REPLAYED | {"teacher": {"type": "openai", "model": "m"}}
REPLAY |= {"data": TABLES["data"] | {"replay": {"path": "replay.jsonl"}}}


def replay(name: str, *expected: str, file: str, content: object) -> Case:
    return tables(name, "data.replay: ", *expected, config=REPLAY, replay=(file, content))


REPLAYS = [
    replay("replay-without-its-column", "column 'text' is missing", file="t.parquet", content=POOL),
    replay("replay-of-numbers", "'text' must hold text", file="t.parquet", content=[{"text": 3}]),
    replay("replay-is-a-folder", "t.txt is a folder", file="t.txt", content=Path.mkdir),
    replay("replay-damaged", "t.parquet: cannot be read", file="t.parquet", content=b"PAR1"),
    field("replay-missing", "data.replay.path=none.txt", "data.replay: ", "none.txt: no such file", config=REPLAY),
    field(
        "replay-that-nobody-uses", "data={type: domain, replay: {path: t.txt}}", "data.replay: no student replays text"
    ),
]

QUESTIONS = [
    field("pool-missing", "data.pool.path=none.parquet", "data.pool: ", "none.parquet: no such file", config=TABLES),
    field("pool-nowhere", "data.pool.path=a/b/c", "data.pool: 'a/b/c': no such file", config=TABLES),
    field("pool-empty-path", "data.pool.path=''", "data.pool: '': no such file", config=TABLES),
    field("pool-is-a-config", "data.pool.path=c.yaml", "data.pool:", "must end in .parquet, .jsonl", config=TABLES),
    field("pool-is-here", "data.pool.path=.", "data.pool:", "is a folder", config=TABLES),
    tables("pool-is-a-folder", "pool.parquet is a folder", "Parquet or JSONL", pool=("pool.parquet", Path.mkdir)),
    tables("pool-no-bytes", "pool.parquet: cannot be read", "0 bytes", pool=("pool.parquet", b"")),
    tables("pool-cut-off", "data.pool:", "pool.parquet: cannot be read", "restore it", pool=("pool.parquet", cut)),
    tables(
        "pool-json-named-parquet", "pool.parquet: cannot be read", "magic bytes", pool=("pool.parquet", lines(*POOL))
    ),
    tables(
        "pool-parquet-named-json",
        "pool.jsonl line 1: is no JSON",
        pool=lambda path: pq.write_table(pa.Table.from_pylist(POOL), path),
    ),
    tables("pool-no-lines", "pool.jsonl: has no rows", pool=""),
    tables("pool-no-rows", "pool.parquet: has no rows", pool=("pool.parquet", pa.Table.from_pylist(POOL).slice(0, 0))),
    tables(
        "pool-broken-line",
        "pool.jsonl line 3: is no JSON",
        pool=lines(POOL[0], POOL[1], '{"question": "x'),
    ),
    tables("pool-line-is-a-list", "pool.jsonl line 1: is no object", pool=lines(POOL)),
    tables("pool-not-utf8", "pool.jsonl line 2: is no JSON", pool=lines(POOL[0]).encode() + b'{"question": "\xff"}\n'),
    tables(
        "pool-answer-is-true",
        "pool.jsonl line 2: column 'answer' must hold texts or numbers, not true or false; convert it",
        pool=lines(question(1), question(2, answer=True)),
    ),
    tables(
        "pool-id-is-a-list",
        "pool.jsonl line 1: column 'question_id' must hold texts or whole numbers, not a list with a number (1) in it",
        pool=[question(1, question_id=[1])],
    ),
    tables(
        "pool-id-is-a-fraction-in-json",
        "column 'question_id' must hold texts or whole numbers, not a number (1.5)",
        pool=[question(1, question_id=1.5)],
    ),
    tables(
        "pool-answer-twice-in-a-row",
        "pool.jsonl line 2: 'answer' stands twice, with different values; remove one",
        pool=lines(question(1), '{"question": "2 + 1?", "answer": "3", "answer": "4"}'),
    ),
    tables(
        "pool-trailing-comma",
        "pool.jsonl line 1: is no JSON (Extra data at character 31); write one object a line",
        pool='{"question": "a", "answer": 1},\n',
    ),
    tables(
        "pool-too-deep", "line 1: lists or objects stand too deeply", pool='{"a":' + "[" * 10**5 + "]" * 10**5 + "}"
    ),
    tables("pool-utf16", "pool.jsonl: is UTF-16 text; save it as UTF-8", pool=lines(*POOL).encode("utf-16")),
    tables(
        "pool-list-not-closed",
        "pool.json line 2: no comma and no ] follows this object",
        pool=("pool.json", '[\n{"question": "a", "answer": 1}\n'),
    ),
    tables(
        "pool-without-question",
        "column 'question' is missing; it has question_id, answer",
        pool=without(POOL, "question"),
    ),
    tables("pool-null-question", "pool.jsonl row 2: question is null", pool=[*POOL[:2], question(2, question=None)]),
    tables(
        "pool-blank-question", "pool.jsonl row 1: question is empty", pool=[question(1), question(2, question="  ")]
    ),
    tables(
        "pool-question-is-a-number",
        "pool.jsonl line 1: column 'question' must hold text, not a number (1); convert it",
        pool=[question(1, question=1)],
    ),
    tables("pool-empty-answer", "pool.jsonl row 1: answer is empty", pool=[question(1), question(2, answer="")]),
    tables("pool-no-answers", "pool.jsonl row 0: answer is empty", pool=without(POOL, "answer")),
    tables("pool-nan-answer", "row 0: answer is empty", pool=("pool.parquet", [question(1, answer=math.nan)])),
    tables(
        "pool-repeated-id",
        "question_id 'q1' stands in row 1 and in row 10; remove one",
        pool=[*POOL, question(1, question="?")],
    ),
    tables("pool-null-id", "pool.jsonl row 10: question_id is null", pool=[*POOL, question(11, question_id=None)]),
    tables(
        "pool-fraction-id",
        "column 'question_id' must hold texts or whole numbers, not double",
        pool=("pool.parquet", [question(1, question_id=1.5)]),
    ),
    tables("pool-without-skills", "no row has skills", "data.labels.path", pool=without(POOL, "skills")),
    tables("pool-skills-are-numbers", "column 'skills' must hold a list of texts", pool=[question(1, skills=[1])]),
    tables("pool-empty-skill", "pool.jsonl row 0: skills holds an empty name", pool=[question(1, skills=["sum", ""])]),
    tables(
        "pool-level-is-text", "column 'level' must hold whole numbers, not a text", pool=[question(1, level="Level 5")]
    ),
    tables(
        "pool-level-out-of-range",
        "pool.jsonl row 0: level must be 1 (easy) to 127; got 300",
        pool=[question(1, level=300)],
    ),
    tables("pool-within-probe", "no question is left for the pool split", pool=PROBE[:5]),
    tables("probe-one-row", "no question is left for the", "profile_share", probe=PROBE[:1], recorded=ANSWERS[:1]),
    tables("pool-below-the-level", "students.0.curriculum.min_level", "the highest is 1", config=HARD, pool=POOL),
    tables(
        "pool-without-levels",
        "students.0.curriculum.min_level",
        "it has no levels",
        config=HARD,
        pool=without(POOL, "level"),
    ),
    tables(
        "labels-without-skills",
        "data",
        "labels.jsonl: column 'skills' is missing",
        config=LABELLED,
        labels=[{"question": "x"}],
    ),
    tables(
        "labels-null",
        "labels.parquet row 0: skills is null",
        config=LABELLED,
        labels=("labels.parquet", pa.table({"question": ["x"], "skills": pa.array([None], pa.list_(pa.string()))})),
    ),
    tables(
        "labels-empty-name",
        "skills holds an empty name",
        config=LABELLED,
        pool=without(POOL, "skills"),
        labels=[{"question": POOL[0]["question"], "skills": [" "]}],
    ),
    tables("labels-by-nobody", "data.labelling: some questions have skills", config=TO_LABEL, pool=POOL, probe=PROBE),
    tables(
        "labels-of-others",
        "data.labels: none of its 1 questions is in data.pool",
        config=LABELLED,
        labels=[{"question": "x", "skills": ["sum"]}],
    ),
]

RECORDED = [
    tables(
        "recorded-missing", "rollout.recorded: ", "none.jsonl: no such file", recorded=("none.jsonl", lambda path: None)
    ),
    tables("recorded-without-student", "column 'student' is missing", recorded=without(ANSWERS, "student")),
    tables("recorded-without-response", "column 'response' is missing", recorded=without(ANSWERS, "response")),
    tables(
        "recorded-null-response",
        "recorded.jsonl row 40: response is null",
        recorded=[*ANSWERS, answer(7, response=None)],
    ),
    tables(
        "recorded-scores-for-samples",
        "column 'sample' must hold whole numbers, not a number (0.5)",
        recorded=[answer(100, sample=0.5)],
    ),
    tables("recorded-negative-sample", "sample must be 0 to", "it has -1", recorded=[*ANSWERS, answer(7, sample=-1)]),
    tables(
        "recorded-twice",
        "question_id 'q100', student 'them', sample 0 stands in row 0 and in row 40",
        recorded=[*ANSWERS, answer(100)],
    ),
    tables(
        "recorded-by-others",
        "student 'them' answered no question of the probe set; who did: us",
        recorded=[row | {"student": "us"} for row in ANSWERS],
    ),
    tables(
        "recorded-to-others",
        "'them' answered no question",
        "its question_id must be that of data.probe",
        recorded=[row | {"question_id": "x" + row["question_id"]} for row in ANSWERS],
    ),
    tables(
        "recorded-broken-line",
        "rollout.recorded:",
        "recorded.jsonl line 2: is no JSON",
        recorded=lines(ANSWERS[0], "{"),
    ),
    tables(
        "recorded-to-a-probe-without-ids",
        "'them' answered no question",
        "question_id",
        probe=without(PROBE, "question_id"),
    ),
]


def rewrite(name: str, **changes: object) -> object:
    """One of the model's JSON files with other values; None removes a key."""

    def spoil(folder: Path) -> None:
        known = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({k: v for k, v in (known | changes).items() if v is not None}))

    return spoil


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def only_bin(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def halve(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) - 20])


def point_at(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def shard(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "model-2.safetensors"}}))


def untied(folder: Path) -> None:
    (folder / "config.json").unlink()


MODELS = [
    field("model-nowhere", "students.0.model=./none", "students.0.model: model './none': there is no such folder"),
    field("scorer-nowhere", "grading.scorer={type: tag_prm, model: ./none}", "grading.scorer.model:", "no such folder"),
    field("scorer-is-a-file", "grading.scorer={type: chat_prm, model: c.yaml}", "grading.scorer.model:", "is a file"),
    field("scorer-without-model", "grading.scorer={type: token_prm}", "grading.scorer.model: must be given"),
    field("embedder-nowhere", "embedding={model: ./none}", "embedding.model: model './none': there is no such folder"),
    field("embedder-without-model", "embedding={}", "embedding.model: must be given"),
    field("model-is-a-file", "students.0.model=c.yaml", "students.0.model:", "is a file; give the folder"),
    field("model-no-name", "students.0.model=''", "students.0.model: model ''", "no Hugging Face id"),
    field("model-strange-id", "students.0.model='a b'", "model 'a b'", "no Hugging Face id"),
    model("model-empty-folder", empty, "students.0.model:", "the folder is empty"),
    model("model-without-config", untied, "there is no config.json in the folder"),
    model(
        "model-broken-config", lambda m: (m / "config.json").write_text("{"), "config.json cannot be read", "restore it"
    ),
    model("model-config-is-a-list", lambda m: (m / "config.json").write_text("[]"), "config.json holds no object"),
    model(
        "model-config-says-nothing",
        rewrite("config.json", architectures=None, model_type=None),
        "neither architectures nor model_type",
    ),
    model(
        "model-classifier",
        rewrite("config.json", architectures=["BertForSequenceClassification"]),
        "BertForSequenceClassification",
        "causal language model",
    ),
    model("model-bare", rewrite("config.json", architectures=["LlamaModel"]), "LlamaModel does not write text"),
    model(
        "model-encoder-decoder",
        rewrite("config.json", architectures=["T5ForConditionalGeneration"], is_encoder_decoder=True),
        "an encoder-decoder",
        "causal language model",
    ),
    model("model-without-weights", lambda m: (m / "model.safetensors").unlink(), "there is no model.safetensors"),
    model("model-only-bin", only_bin, "its weights are *.bin", "convert them to safetensors"),
    model("model-missing-shard", shard, "there is no model-2.safetensors"),
    model("model-cut-off", halve, "model.safetensors is cut off", "restore it"),
    model("model-no-bytes", lambda m: (m / "model.safetensors").write_bytes(b""), "model.safetensors is cut off"),
    model("model-lfs-pointer", point_at, "model.safetensors is cut off or no safetensors file"),
    model("model-without-tokenizer", lambda m: (m / "tokenizer.json").unlink(), "there is no tokenizer in the folder"),
    model(
        "model-without-chat-template",
        rewrite("tokenizer_config.json", chat_template=None),
        "no chat template",
        "instruction-tuned",
    ),
    model(
        "adapter-without-base",
        rewrite("adapter_config.json", base_model_name_or_path=None),
        "names no base_model_name_or_path",
        write=write_adapter,
    ),
    model(
        "adapter-base-nowhere",
        rewrite("adapter_config.json", base_model_name_or_path="./gone"),
        "the base of this adapter: model './gone'",
        write=write_adapter,
    ),
    model(
        "adapter-base-damaged",
        lambda m: halve(m.parent / "base"),
        "the base of this adapter:",
        "is cut off",
        write=write_adapter,
    ),
    model(
        "adapter-on-an-adapter",
        rewrite("adapter_config.json", base_model_name_or_path="./m"),
        "is an adapter too",
        write=write_adapter,
    ),
    model(
        "adapter-without-weights",
        lambda m: (m / "adapter_model.safetensors").unlink(),
        "there is no adapter_model.safetensors",
        write=write_adapter,
    ),
    model(
        "adapter-of-another-rank",
        rewrite("adapter_config.json", r=8),
        "training.lora: rank 16",
        "has 8 and 32",
        write=write_adapter,
        value="training.lora={}",
    ),
]

MIXED = {"curriculum": {"type": "mixture", "parts": [{"skills": ["sum", "other"]}]}}
PROSE = {"type": "mixture", "parts": [{"subject": "prose"}]}
MIXTURES = [
    tables(
        "mixture-of-a-skill-that-the-pool-lacks",
        "students.0.stages.0.curriculum.parts.0: the pool has no question of the skill 'other'; it has sum",
        config=TABLES | {"students": [{"name": "a", "stages": [MIXED]}]},
    ),
    tables(
        "mixture-of-a-subject-that-the-pool-lacks",
        "students.0.curriculum.parts.0: the pool has no question of the subject 'prose'; it has none",
        config=TABLES | {"students": [{"name": "a", "curriculum": PROSE}]},
    ),
]

CASES = [*QUESTIONS, *RECORDED, *MODELS, *REPLAYS, *MIXTURES]
