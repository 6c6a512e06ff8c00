"""A whole run whose folder is in a bucket: killed in the middle, started again, and equal to one on a local disk, whose
other student it does not have.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skillray.config import dump_config, parse
from skillray.store import files
from skillray.store.layout import RunFolder
from skillray.store.tables import Table
from tests.faults.table import Outcome
from tests.faults.world import CONFIG, STUDENTS
from tests.ray.test_loop import cli

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
STUDENT, OTHER = STUDENTS
SECONDS: list[float] = []
"""That the killed run took."""


@pytest.fixture(scope="module")
def on_disk(world) -> RunFolder:
    return world.reference().run


@pytest.fixture(scope="module")
def in_bucket(s3, tmp_path_factory) -> RunFolder:
    """Killed with everything it started once its study has begun, and run again by the same command."""
    from tests.s3_server import make_bucket

    folder = tmp_path_factory.mktemp("driver")
    config = CONFIG | {
        "name": "s3",
        "students": [STUDENT],
        "training": CONFIG["training"] | {"checkpoint_every_s": 600.0},
    }
    (folder / "config.yaml").write_text(dump_config(parse(config, "test")))
    run = RunFolder(f"{make_bucket(s3, 'whole-run')}/runs/s3")
    since = time.monotonic()
    killed = start(folder, run)
    wait_for(lambda: files.exists(run.round("stat-syn", 0).segment().table("orders").manifest_path), killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not files.exists(run.summary) and files.exists(f"{run.path}/lock.json")
    again = start(folder, run)
    assert again.wait(timeout=300) == 0, (folder / "log").read_text()
    SECONDS.append(time.monotonic() - since)
    return run


def start(folder: Path, run: RunFolder) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "skillray", "run", str(folder / "config.yaml"), "--run-dir", run.path]
    environment = os.environ | {"HOME": str(folder)}
    for name in ("SKILLRAY_TEMP_DIR", "RAY_AUTH_TOKEN_PATH"):  # of the Ray of this process
        environment.pop(name, None)
    log = open(folder / "log", "ab")
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)


def wait_for(condition, process: subprocess.Popen[bytes], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the run did not get there"
        time.sleep(0.1)


def tables(run: RunFolder, on_disk: RunFolder) -> dict[str, str]:
    """Fingerprint of every table of the student that is in `on_disk`, as it is in `run`."""
    manifests = sorted(Path(on_disk.path).rglob("manifest.json"))
    folders = [str(path.parent.relative_to(on_disk.path)) for path in manifests if path.parent.name != "checkpoint"]
    folders = [folder for folder in folders if not folder.startswith(f"students/{OTHER['name']}/")]
    return {folder: Table(run.file(folder)).fingerprint() for folder in folders}


def test_every_table_is_that_of_a_run_on_disk(on_disk, in_bucket, outcomes):
    expected = tables(on_disk, on_disk)
    assert len(expected) > 15
    assert tables(in_bucket, on_disk) == expected
    fault = "kill -9: the whole of a run in a bucket"
    outcomes.append(
        Outcome(fault=fault, seeds="-", injected=1, recovered=1, lost=0, seconds=SECONDS[0], equal=True, commands=2)
    )


def test_the_checkpoint_is_the_same(on_disk, in_bucket):
    from skillray.training.checkpoint import verify_checkpoint, weights_hash

    ours, theirs = (run.round(STUDENT["name"], 0).checkpoint for run in (in_bucket, on_disk))
    verify_checkpoint(ours)
    assert weights_hash(ours) == weights_hash(theirs)


def test_no_reply_was_paid_twice(on_disk, in_bucket):
    def keys(run: RunFolder) -> list[bytes]:
        folder = run.replies(0)
        parts = [f"{folder}/{name}" for name in files.names_in(folder) if name.endswith(".parquet")]
        return sorted(key for part in parts for key in read_keys(part))

    assert keys(in_bucket) and set(keys(in_bucket)) <= set(keys(on_disk))
    assert len(keys(in_bucket)) == len(set(keys(in_bucket)))


def read_keys(path: str) -> list[bytes]:
    from skillray.store.tables import read_part

    return read_part(path, ["key"])["key"].to_pylist()


def test_two_epochs_wrote_it_and_nothing_is_left(in_bucket):
    assert files.names_in(in_bucket.file("epochs")) == ["00000001", "00000002"]
    assert files.read_json(in_bucket.status)["epoch"] == 2
    assert not files.exists(in_bucket.file("lock.json")) and not files.has_folder(in_bucket.file("train"))
    # Logs may be there: a worker outlives the killed head by a moment, and some write that their calls failed.
    names = [name for name in files.names_in(in_bucket.path) if name != "logs"]
    assert names == [
        "config.yaml", "data", "epochs", "report", "shared", "status.json", "students", "summary.json", "teacher",
    ]  # fmt: skip


def test_commands_read_it(in_bucket, capsys):
    assert "stat-syn" in cli(capsys, "report", in_bucket.path)[1]
    assert '"difficult"' in cli(capsys, "profile", in_bucket.path, "--json")[1]
    code, again, _ = cli(capsys, "run", in_bucket.config, "--run-dir", in_bucket.path)
    assert code == 0 and "nothing to do" in again
    code, _, nowhere = cli(capsys, "report", "s3://whole-run/none")
    assert code == 2 and "no run folder" in nowhere
