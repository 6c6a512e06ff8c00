"""One Ray for the whole ray tier, started on purpose: own temp dir, token, namespace and ports."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.faults.table import Outcome, lines

if TYPE_CHECKING:
    from tests.faults.world import World

hypothesis.settings.load_profile("ci")  # no deadline on examples, and the same ones everywhere
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real question sets beside the checkout; absent, the test is skipped, except in CI where it fails."""
    if not SHARED.is_dir():
        reason = f"real question sets are not at {SHARED}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """A local S3 server, and the environment that leads to it: that of this process too."""
    from tests.s3_server import local_s3

    with local_s3() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


@pytest.fixture
def bucket(s3: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """s3:// and a new bucket."""
    from tests.s3_server import make_bucket

    for name, value in s3.items():  # again: a test that changes the environment may have put back an older one
        monkeypatch.setenv(name, value)
    return make_bucket(s3, f"test-{abs(hash(request.node.nodeid)):x}")


@pytest.fixture(scope="session")
def local_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which its teachers' own histories are (tests/faults/history)."""
    from skillray.on_ray.environment import prepare

    history, spy = tmp_path_factory.mktemp("history"), Path(__file__).parent / "faults" / "history"
    os.environ["SKILLRAY_TEST_HISTORY"] = str(history)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(spy), *filter(None, [os.environ.get("PYTHONPATH")])])
    prepare("local")
    from skillray.config.model import ClusterSettings
    from skillray.on_ray.cluster import connected

    with connected(ClusterSettings(num_cpus=16), "skillray-tests"):
        yield history


@pytest.fixture(scope="session")
def world(local_ray: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Killed runs, and one that nobody disturbs, which is made once."""
    import ray

    from tests.faults.world import World

    return World(tmp_path_factory.mktemp("faults"), ray.get_runtime_context().gcs_address, local_ray)


OUTCOMES: list[Outcome] = []


@pytest.fixture(scope="session")
def outcomes() -> list[Outcome]:
    """Rows for the table of faults that is printed at the end."""
    return OUTCOMES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if OUTCOMES:
        terminalreporter.section("faults")
        for line in lines(OUTCOMES):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    """Nothing a test does may write to the user's home (Ray keeps a token there)."""
    with tempfile.TemporaryDirectory() as home:
        before = os.environ.get("HOME")
        os.environ["HOME"] = home
        yield
        if before is not None:
            os.environ["HOME"] = before
