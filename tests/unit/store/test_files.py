"""Files on a local disk: wholly there or not at all, first or last write wins, and errors of one line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from skillray.errors import ConfigError, StorageError, TableError
from skillray.store import files
from skillray.store.disk import storage_error
from skillray.store.files import commit, commit_json, create, draft_folder, publish_folder, read_json


def test_commit_replaces_and_leaves_no_draft(tmp_path):
    path = str(tmp_path / "a" / "file")
    commit(path, b"one")
    commit(path, b"two")
    assert open(path, "rb").read() == b"two"
    assert os.listdir(tmp_path / "a") == ["file"]


def test_what_is_created_stays(tmp_path):
    path = str(tmp_path / "a" / "file")
    assert create(path, b"one")
    assert create(path, b"one")  # the same again is no conflict
    assert not create(path, b"two")
    assert open(path, "rb").read() == b"one"
    assert os.listdir(tmp_path / "a") == ["file"]


@pytest.mark.parametrize("write", [commit, create])
def test_what_is_refused_at_the_last_moment_is_never_visible(tmp_path, write):
    def refuse() -> None:
        raise RuntimeError("no longer ours")

    with pytest.raises(RuntimeError, match="no longer ours"):
        write(str(tmp_path / "file"), b"one", refuse)
    assert os.listdir(tmp_path) == []


def test_a_failed_rename_keeps_the_old_file(tmp_path, monkeypatch):
    path = str(tmp_path / "file")
    commit(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match=r"file: No space left on device \([\d,]+ bytes free\): make room"):
        commit(path, b"new")
    assert open(path, "rb").read() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_disk_without_hard_links_is_refused(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(ConfigError, match="has no hard links"):
        create(str(tmp_path / "file"), b"x")


def test_json_that_is_absent_or_damaged_is_one_line(tmp_path):
    with pytest.raises(TableError, match="does not exist"):
        read_json(str(tmp_path / "none.json"))
    commit(str(tmp_path / "cut.json"), b'{"a": ')
    with pytest.raises(TableError, match="damaged"):
        read_json(str(tmp_path / "cut.json"))


def test_json_comes_back(tmp_path):
    commit_json(str(tmp_path / "v.json"), {"a": [1, "é"]})
    assert read_json(str(tmp_path / "v.json")) == {"a": [1, "é"]}


def draft_of(folder: str, text: bytes):
    with draft_folder(folder) as draft:
        os.mkdir(os.path.join(draft, "inner"))
        with open(os.path.join(draft, "inner", "file"), "wb") as file:
            file.write(text)
        return publish_folder(draft, folder, {"text": text.decode()})


def test_a_folder_appears_whole_and_once(tmp_path):
    folder = str(tmp_path / "round" / "checkpoint")
    assert draft_of(folder, b"one")
    assert not draft_of(folder, b"two")
    assert open(os.path.join(folder, "inner", "file"), "rb").read() == b"one"
    assert read_json(os.path.join(folder, "manifest.json")) == {"text": "one"}
    assert os.listdir(tmp_path / "round") == ["checkpoint"]


def test_a_folder_that_is_somebody_elses_is_left_alone(tmp_path):
    commit(str(tmp_path / "checkpoint" / "notes.txt"), b"mine")
    with pytest.raises(TableError, match="has no manifest: remove it"):
        draft_of(str(tmp_path / "checkpoint"), b"one")
    assert os.listdir(tmp_path / "checkpoint") == ["notes.txt"]


def test_drafts_of_killed_processes_are_swept(tmp_path):
    commit(str(tmp_path / "a" / "kept.tmp"), b"x")
    commit(str(tmp_path / "a" / f"table.{'0' * 32}.tmp"), b"half")
    commit(str(tmp_path / f"checkpoint.{'f' * 32}.tmp" / "model"), b"half")
    files.recover(str(tmp_path))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "kept.tmp"]


@pytest.mark.parametrize("path", ["http://host/file", "s3:///file", "hdfs://x/y"])
def test_other_places_are_refused(path):
    with pytest.raises(ConfigError, match="can be a local path, s3://BUCKET/PREFIX"):
        commit(path, b"")


def test_links_between_folders_are_relative_wherever_they_are():
    for root in ("/runs/a", "s3://bucket/runs/a", "gs://bucket"):
        there, here = f"{root}/shared/1/scores", f"{root}/students/x/base/scores"
        link = files.relative(there, here)
        assert link == "../../../../shared/1/scores"
        assert files.resolve(here, link) == there


def test_torch_says_that_a_disk_is_full_in_its_own_way(tmp_path):
    """A RuntimeError of many lines, without a number."""
    error = storage_error(str(tmp_path / "shard.pt"), RuntimeError("PytorchStreamWriter failed\nat frame #0"))
    assert "shard.pt: PytorchStreamWriter failed (" in str(error) and "\n" not in str(error)


FULL = """
import resource, sys
from skillray.store.files import commit, draft_folder
from skillray.store.fence import UNFENCED
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from skillray.errors import StorageError
path = sys.argv[1]
try:
    if sys.argv[2] == "file":
        commit(path, b"x" * 200_000)
    else:
        import torch
        from skillray.training.saving import publish
        from skillray.training.checkpoint import load_for_training
        from skillray.training.settings import TrainingSettings
        settings = TrainingSettings(dtype="fp32")
        model = load_for_training("embedded", settings)
        publish(model, model.state_dict(), settings, "embedded", path, UNFENCED)
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["file", "checkpoint"])
def test_a_full_disk_is_one_line_and_nothing_half_written_is_left(tmp_path, what):
    path = str(tmp_path / "run" / "there")
    done = subprocess.run([sys.executable, "-c", FULL, path, what], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    line = done.stdout.splitlines()[-1]  # before it comes what the libraries say
    assert path in line and "File too large" in line and "bytes free): make room" in line
    assert os.listdir(tmp_path / "run") == []
