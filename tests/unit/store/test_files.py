"""commit: wholly there or not at all."""

from __future__ import annotations

import os

import pytest

from skillray.errors import ConfigError, TableError
from skillray.store.files import commit, commit_json, publish_folder, read_json


def test_commit_replaces_and_leaves_no_draft(tmp_path):
    path = str(tmp_path / "a" / "file")
    commit(path, b"one")
    commit(path, b"two")
    assert open(path, "rb").read() == b"two"
    assert os.listdir(tmp_path / "a") == ["file"]


def test_a_failed_rename_keeps_the_old_file(tmp_path, monkeypatch):
    path = str(tmp_path / "file")
    commit(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        commit(path, b"new")
    assert open(path, "rb").read() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_json_that_is_absent_or_damaged_is_one_line(tmp_path):
    with pytest.raises(TableError, match="does not exist"):
        read_json(str(tmp_path / "none.json"))
    commit(str(tmp_path / "cut.json"), b'{"a": ')
    with pytest.raises(TableError, match="damaged"):
        read_json(str(tmp_path / "cut.json"))


def test_json_comes_back(tmp_path):
    commit_json(str(tmp_path / "v.json"), {"a": [1, "é"]})
    assert read_json(str(tmp_path / "v.json")) == {"a": [1, "é"]}


def test_publish_folder_replaces_a_whole_folder(tmp_path):
    for name, text in (("draft", "new"), ("there", "old")):
        commit(str(tmp_path / name / "inner" / "file"), text.encode())
    commit(str(tmp_path / "there" / "stale"), b"x")
    publish_folder(str(tmp_path / "draft"), str(tmp_path / "there"))
    assert sorted(os.listdir(tmp_path)) == ["there"]
    assert os.listdir(tmp_path / "there") == ["inner"]
    assert open(tmp_path / "there" / "inner" / "file").read() == "new"


def test_urls_are_refused():
    with pytest.raises(ConfigError, match="s3://bucket"):
        commit("s3://bucket/file", b"")
