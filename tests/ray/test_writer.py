"""A driver whose run was taken over: it stops, with everything it started, and says nothing more in the run folder."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skillray.config import dump_config, parse
from skillray.errors import StaleWriterError
from skillray.store import files
from skillray.store.fence import take_epoch
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from tests.ray.test_loop import SMALL

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
CONFIG = parse(SMALL | {"name": "taken", "students": [{"name": "a", "curriculum": {"type": "hard"}}]}, "test")


def drive(run: RunFolder) -> bool:
    from skillray.on_ray.launch import supervise

    with writing(run.path) as fence:
        fence.commit(run.config, dump_config(CONFIG).encode())
        return supervise(CONFIG, fence, lambda running: None)


def contents(run: RunFolder) -> dict[str, bytes]:
    """Without logs, which are there to say what went wrong, and without the lock."""
    paths = [path for path in Path(run.path).rglob("*") if path.is_file() and path.suffix not in (".txt", ".tmp")]
    return {str(path): path.read_bytes() for path in paths if path.name != "lock.json"}


def test_a_driver_that_was_overtaken_stops_and_touches_nothing(local_ray, tmp_path):
    import ray
    from ray import serve

    run = RunFolder(str(tmp_path))
    with ThreadPoolExecutor(1) as pool:
        driver = pool.submit(drive, run)
        wait_until(lambda: files.exists(run.graph), driver)
        assert take_epoch(run.path, 2, {"host": "elsewhere", "pid": 12})
        start, before = time.monotonic(), contents(run)
        with pytest.raises(StaleWriterError, match="elsewhere process 12 took over; this process stops"):
            driver.result(timeout=60)
    assert time.monotonic() - start < 45
    time.sleep(5)  # for whoever might still be at work
    after = contents(run)
    late = sorted(path for path in after if after[path] != before.get(path))
    assert len(late) <= 2, late  # commits that had just looked, see `Fence`
    names = [actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True)]
    assert not [name for name in names if name == "coordinator" or name.startswith("reply-log-")]
    for app in serve.status().applications:  # left for the new writer, who in this test never comes
        serve.delete(app)


def wait_until(condition, driver) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        if driver.done():
            driver.result()
        assert time.monotonic() < deadline
        time.sleep(0.05)
