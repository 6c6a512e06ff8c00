"""A run folder in a bucket, against a real S3 server on this machine."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skillray.errors import ConfigError, DataError, StorageError, TableError
from skillray.store import files
from skillray.store.fence import UNFENCED, Fence
from skillray.store.fetch import fetched_folder
from skillray.store.lock import writing
from skillray.store.schemas import GAPS
from skillray.store.tables import Table
from skillray.teacher.reply_log import Entry, ReplyLog
from skillray.teacher.tasks import Outcome, Reply
from skillray.types import content_id

ROW = {"question_id": bytes(16), "question": "1+1?", "response": "3", "skills": ["sum"], "missing_skills": ["sum"]}


def rows(count: int) -> pa.Table:
    return pa.Table.from_pylist(
        [ROW | {"question_id": bytes([n] * 16), "outcome": "ok"} for n in range(count)], schema=GAPS
    )


def test_a_file_is_replaced_or_created_once(bucket):
    path = f"{bucket}/run/a/file"
    assert not files.exists(path)
    files.commit(path, b"one")
    files.commit(path, b"two")
    assert files.read_bytes(path) == b"two"
    once = f"{bucket}/run/a/once"
    assert files.create(once, b"one") and files.create(once, b"one") and not files.create(once, b"two")
    assert files.read_bytes(once) == b"one"
    assert files.names_in(f"{bucket}/run/a") == ["file", "once"] and files.names_in(f"{bucket}/run") == ["a"]
    assert not files.exists(f"{bucket}/run/a")  # a folder is no file
    assert files.has_folder(f"{bucket}/run/a") and not files.has_folder(f"{bucket}/run/b")
    files.remove_tree(f"{bucket}/run")
    assert not files.has_folder(f"{bucket}/run")


@pytest.mark.parametrize("name", ["a b", "ü", "a%20b", "a+b", "a#b", "a?b", "~a", "[v1]", "a'b", "🙂", "{a}", "a&b=c"])
def test_names_come_back_as_they_went(bucket, name):
    path = f"{bucket}/names/{name}/f 1.json"
    files.commit(path, b"one")
    assert files.read_bytes(path) == b"one" and files.names_in(f"{bucket}/names/{name}") == ["f 1.json"]
    files.remove_tree(f"{bucket}/names/{name}")
    assert not files.exists(path)


@pytest.mark.parametrize("name", ["a//b", "a\nb", "a/../b", "a/./b", "a\0b"])
def test_a_name_that_no_file_can_have_is_one_line(bucket, name):
    path = f"{bucket}/run/{name}/file"
    for use in (files.exists, files.read_bytes, files.names_in, files.has_folder, files.remove_tree, files.versions):
        with pytest.raises(ConfigError, match="no file of a bucket can be named so"):
            use(path)
    with pytest.raises(ConfigError, match="give another name"):
        files.commit(path, b"")


def test_of_many_that_create_at_once_one_wins(bucket):
    path, won = f"{bucket}/epochs/00000001", []
    tries = [
        threading.Thread(target=lambda n=n: won.append(n) if files.create(path, f"{n}".encode()) else None)
        for n in range(16)
    ]
    for each in tries:
        each.start()
    for each in tries:
        each.join()
    assert len(won) == 1 and files.read_bytes(path) == f"{won[0]}".encode()


def test_what_goes_wrong_is_one_line(s3, bucket, monkeypatch):
    with pytest.raises(ConfigError, match="there is no such bucket"):
        files.commit("s3://not-there/file", b"")
    with pytest.raises(TableError, match="does not exist"):
        files.read_json(f"{bucket}/none.json")
    assert not files.exists("s3://not-there/file")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("skillray.store.bucket.RETRIES", {"max_retries": 1})
    with pytest.raises(StorageError, match=r"s3://elsewhere/file: .*: check endpoint") as raised:
        files.read_bytes("s3://elsewhere/file")
    assert "\n" not in str(raised.value)


def test_tables_are_complete_or_absent(bucket):
    gaps = Table(f"{bucket}/run/shared/key/gaps")
    second = gaps.write_part("000001.parquet", rows(1), fence=UNFENCED)
    assert not gaps.complete()
    first = gaps.write_part("000000.parquet", rows(2), fence=UNFENCED)
    assert gaps.found_part("000000.parquet") == first and gaps.found_part("000002.parquet") is None
    gaps.seal([second, first], fence=UNFENCED)
    assert gaps.num_rows() == 3
    assert [row["question_id"][0] for row in gaps.read(["question_id"]).to_pylist()] == [0, 1, 0]
    gaps.verify()
    mine = Table(f"{bucket}/run/students/a/round-000/gaps")
    mine.link(gaps, fence=UNFENCED)
    assert mine.source() == gaps and mine.read().equals(gaps.read())
    with pytest.raises(TableError, match="sealed already"):
        gaps.seal([], fence=UNFENCED)


def test_a_damaged_part_is_found(bucket):
    gaps = Table(f"{bucket}/run/gaps")
    gaps.write(rows(9), fence=UNFENCED)
    data = bytearray(files.read_bytes(gaps.paths()[0]))
    data[len(data) // 3] ^= 1
    files.commit(gaps.paths()[0], bytes(data))
    with pytest.raises(TableError, match=r"damaged|differs"):
        gaps.verify()


def test_the_reply_log_goes_on_and_replaces_nothing(bucket):
    def entry(name: str, value: object) -> Entry:
        return Entry(
            key=content_id(name),
            task="solve",
            model="m",
            request="{}",
            asked_by="",
            reply=Reply(outcome=Outcome.OK, value=value),
        )

    folder = f"{bucket}/run/teacher/replies/000"
    log, other = ReplyLog(folder, UNFENCED), ReplyLog(folder, UNFENCED)
    log.append([entry("a", 1)])
    other.append([entry("b", 2)])  # another process that had read the log before: it takes the next number
    assert files.names_in(folder) == ["00000000.parquet", "00000001.parquet"]
    again = ReplyLog(folder, UNFENCED)
    assert [again.look_up(content_id(name)).value for name in "ab"] == [1, 2]
    assert other.look_up(content_id("a")).value == 1


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "skillray"


def test_a_checkpoint_is_published_and_fetched_once(bucket, cache):
    from skillray.training.checkpoint import (
        checkpoint_complete,
        load_for_training,
        load_model,
        resolve_model,
        verify_checkpoint,
        weights_hash,
    )
    from skillray.training.saving import publish
    from skillray.training.settings import TrainingSettings

    folder, settings = f"{bucket}/run/students/a/round-000/checkpoint", TrainingSettings(dtype="fp32")
    model = load_for_training("embedded", settings)
    files.commit(f"{folder}/model.safetensors", b"of an attempt that died")
    assert not checkpoint_complete(folder)
    publish(model, model.state_dict(), settings, "embedded", folder, Fence("", 7))
    assert checkpoint_complete(folder) and files.read_json(f"{folder}/manifest.json")["epoch"] == 7
    verify_checkpoint(folder)
    assert weights_hash(folder) == weights_hash("embedded") and not cache.exists()  # the manifest knows the hashes
    local = resolve_model(folder)
    assert local == resolve_model(folder) and len([path for path in cache.iterdir() if path.is_dir()]) == 1
    loaded = load_model(folder).state_dict()
    assert all(loaded[name].equal(tensor) for name, tensor in model.state_dict().items())
    publish(model, {name: 2 * tensor for name, tensor in loaded.items()}, settings, "embedded", folder, UNFENCED)
    assert weights_hash(folder) == weights_hash("embedded")  # the one that stands stays


def test_a_model_without_a_manifest_is_fetched_by_what_is_there(bucket, cache):
    source = "skillray/domains/arithmetic/student"
    for name in ("config.json", "model.safetensors"):
        files.commit(f"{bucket}/model/{name}", Path(source, name).read_bytes())
    files.commit(f"{bucket}/model/optimizer.pt", b"not wanted")
    first = fetched_folder(f"{bucket}/model", ["*.json", "*.safetensors"])
    assert sorted(os.listdir(first)) == ["config.json", "model.safetensors"]
    files.commit(f"{bucket}/model/config.json", b"{}")
    second = fetched_folder(f"{bucket}/model", ["*.json", "*.safetensors"])
    assert second != first and Path(second, "config.json").read_bytes() == b"{}"
    with pytest.raises(DataError, match="there is nothing to fetch"):
        fetched_folder(f"{bucket}/none", ["*.json"])


def test_a_file_that_differs_from_the_manifest_is_not_used(bucket, cache):
    files.commit(f"{bucket}/c/model.safetensors", b"other")
    files.commit_json(f"{bucket}/c/manifest.json", {"files": {"model.safetensors": {"size": 5, "sha256": "0" * 64}}})
    with pytest.raises(DataError, match=r"model.safetensors differs from its manifest"):
        fetched_folder(f"{bucket}/c", ["*"])


def test_questions_may_be_in_a_bucket(bucket, tmp_path):
    from skillray.config.model import QuestionSource
    from skillray.loop.questions import read_source

    table = pa.table({"question": ["1 + 1?"], "answer": ["2"]})
    pq.write_table(table, tmp_path / "q.parquet")
    files.commit(f"{bucket}/q.parquet", (tmp_path / "q.parquet").read_bytes())
    files.commit(f"{bucket}/q.jsonl", b'{"question": "1 + 1?", "answer": "2"}\n')
    for name in ("q.parquet", "q.jsonl"):
        [row] = read_source(QuestionSource(path=f"{bucket}/{name}"))
        assert row["answer"] == "2" and row["_where"] == f"{bucket}/{name} row 0"
    with pytest.raises(DataError, match="no such file"):
        read_source(QuestionSource(path=f"{bucket}/none.parquet"))


def test_what_a_config_names_may_be_in_a_bucket(bucket):
    from skillray.config import parse
    from skillray.loop.preflight import preflight

    data = {"type": "tables", "pool": {"path": f"{bucket}/pool.jsonl"}, "probe": {"path": f"{bucket}/probe.jsonl"}}
    raw = {
        "name": "r",
        "students": [{"name": "a", "model": f"{bucket}/model", "curriculum": {"type": "uniform", "num_examples": 1}}],
        "data": data,
        "grading": {"scorer": {"type": "outcome"}},
        "diagnosis": {"source": "labels"},
    }
    with pytest.raises(DataError, match=rf"students.0.model: model {bucket}/model: there is no config.json"):
        preflight(parse(raw, "test"))
    files.commit(f"{bucket}/model/config.json", b"{}")
    with pytest.raises(DataError, match=rf"data.pool.*: {bucket}/pool.jsonl: no such file"):
        preflight(parse(raw, "test"))
    for name in ("pool", "probe"):
        files.commit(f"{bucket}/{name}.jsonl", b'{"question": "1 + 1?", "answer": "2", "skills": ["sum"]}\n')
    preflight(parse(raw, "test"))


def test_a_run_in_a_bucket_has_one_writer(bucket):
    with writing(f"{bucket}/run") as fence:
        fence.commit(f"{bucket}/run/status.json", b"{}")
        assert files.names_in(f"{bucket}/run") == ["epochs", "lock.json", "status.json"]
    assert files.names_in(f"{bucket}/run") == ["epochs", "status.json"]


def test_large_objects_come_in_pieces(bucket, monkeypatch):
    monkeypatch.setattr("skillray.store.bucket.CHUNK", 1000)
    data = bytes(range(256)) * 20
    files.commit(f"{bucket}/large", data)
    storage = files.storage_of(f"{bucket}/large")
    assert [len(chunk) for chunk in storage.chunks(f"{bucket}/large")] == [1000] * 5 + [120]
    assert b"".join(storage.chunks(f"{bucket}/large")) == data
