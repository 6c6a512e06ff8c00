"""Temporary folders of local Rays, without a Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PREPARE = """
import os, signal, sys
from skillray.on_ray.environment import prepare
environment = {}
prepare("local", environment)
print(environment["SKILLRAY_TEMP_DIR"], flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "stays":
    sys.stdin.read()
"""


def start(how: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREPARE, how]
    environment = {"TMPDIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def made_by(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    living, killed = start("stays", tmp_path), start("killed", tmp_path)
    used, left = made_by(living), made_by(killed)
    killed.wait()
    assert (used / "token").exists() and (left / "token").exists()
    start("ends", tmp_path).communicate()
    assert sorted(tmp_path.iterdir()) == [used, used.with_suffix(".owner")]
    living.communicate("")
    assert not list(tmp_path.iterdir())


def test_the_token_is_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    living = start("stays", tmp_path)
    assert (made_by(living) / "token").stat().st_mode & 0o077 == 0
    living.communicate("")


PRINT = """
from skillray.on_ray.environment import prepare
prepare("auto")
from ray._private.worker import print_to_stdstream
for line in (
    "WARNING: 8 PYTHON worker processes have been started on node: 036b with address: 10.0.0.1, which is 4x",
    "1 Workers were killed due to memory pressure (OOM)",
):
    print_to_stdstream({"lines": [line], "pid": "raylet", "is_err": False}, ignore_prefix=False)
"""


def test_of_what_ray_prints_to_the_driver_only_the_warning_of_many_actors_is_left_out() -> None:
    """Its own printing, of what a local Ray was seen to send."""
    environment = {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", PRINT], capture_output=True, text=True, check=True, env=environment)
    assert "memory pressure" in done.stdout and "have been started" not in done.stdout
