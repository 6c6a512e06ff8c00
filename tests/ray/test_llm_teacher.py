"""A language model as the teacher, behind a URL: calls at once, faults, budgets, and a key that nobody sees."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from skillray.config import RunConfig, parse
from skillray.errors import BudgetError, TeacherError
from skillray.store.fence import UNFENCED
from skillray.teacher.tasks import Outcome, Reply, Solve, Task
from skillray.types import Question, content_id
from tests.llm_server import Answer, Script, Server, llm_server

pytestmark = pytest.mark.ray
CANARY = "canary-5f1d0c3a"
Ask = Callable[[list[Solve]], list[Reply]]


def config_of(server: Server, key_file: Path, **more: Any) -> RunConfig:
    key_file.write_text(CANARY)
    teacher = {"type": "openai", "model": "m", "url": server.url, "api_key_file": str(key_file), "max_retries": 2}
    students = [{"name": "a", "curriculum": {"type": "uniform"}}]
    return parse({"name": "llm", "students": students, "teacher": teacher} | more, "test")


@contextmanager
def logged(config: RunConfig, folder: Path, name: str) -> Iterator[Ask]:
    """A log of its own before the app `teacher-llm`."""
    import ray

    from skillray.on_ray.reply_logs import served_teacher, start_log

    log = start_log(name, 0, str(folder), UNFENCED, "teacher-llm", config)
    teacher = served_teacher(name, config.teacher, "a/round-000")
    try:
        yield lambda requests: teacher()(Task.SOLVE, requests)
    finally:
        ray.kill(log)


@contextmanager
def served(script: Script, tmp_path: Path) -> Iterator[tuple[Server, RunConfig]]:
    from skillray.on_ray.teacher import start_teacher, stop_teacher

    with llm_server(script) as server:
        config = config_of(server, tmp_path / "key")
        try:
            start_teacher("teacher-llm", config.teacher, config.placement.teacher, 120.0, print)
            yield server, config
        finally:
            stop_teacher("teacher-llm")


def asked(*texts: str) -> list[Solve]:
    return [Solve(question=_question(text), sample=0) for text in texts]


def _question(text: str) -> Question:
    return Question(question_id=content_id(text), question=text, answer="", solution="", skills=())


def script(body: dict[str, Any], before: int) -> Answer:
    """By the words of the question."""
    text = str(body)
    if "refused" in text:
        return Answer(status=400, error="no such thing")
    if "flaky" in text and not before:
        return Answer(status=503)
    return Answer(text="#### 4", after_s=1.0)


def test_calls_at_once_faults_alone_nothing_paid_twice_and_a_budget(local_ray: Path, tmp_path: Path) -> None:
    with served(script, tmp_path) as (server, config):
        with logged(config, tmp_path / "log", "one") as ask:
            ask(asked("warm up"))
            start = time.monotonic()
            replies = ask(asked(*(f"question {n}" for n in range(64))))
            assert time.monotonic() - start < 32  # one after another they take 64 s
            assert {reply.value for reply in replies} == {"#### 4"} and server.most_at_once > 32
            good, refused, flaky = ask(asked("good", "refused", "flaky"))
            assert [reply.outcome for reply in (good, refused, flaky)] == [Outcome.OK, Outcome.FAILED, Outcome.OK]
            assert "no such thing" in refused.raw
        calls = len(server.calls)
        tight = config.model_copy(update={"budget": config.budget.model_copy(update={"max_calls": 70})})
        with logged(tight, tmp_path / "log", "two") as ask:  # 68 of them are in the log
            again = ask(asked(*(f"question {n}" for n in range(64)), "flaky"))
            assert [reply.outcome for reply in again] == [Outcome.OK] * 65 and len(server.calls) == calls
            with pytest.raises(BudgetError, match=r"budget.max_calls 70 is reached"):
                ask(asked("new 1", "new 2", "new 3"))
            assert len(server.calls) == calls + 2
        with logged(config, tmp_path / "log", "three") as ask:
            ask(asked("new 1", "new 2", "new 3"))
            assert len(server.calls) == calls + 3
        assert server.keys == {f"Bearer {CANARY}"}
        assert not [line for line in _command_lines() if CANARY in line]
    files = [path for path in [*tmp_path.rglob("*"), *_ray_files()] if path.is_file() and path != tmp_path / "key"]
    assert len(files) > 10 and not [path for path in files if CANARY.encode() in path.read_bytes()]


def _command_lines() -> Iterator[str]:
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            yield " ".join(process.cmdline())


def _ray_files() -> list[Path]:
    """Logs, and what else a session leaves; sockets and the object store are no files to read."""
    import ray

    assert ray.is_initialized()
    root = Path(os.environ["SKILLRAY_TEMP_DIR"])
    return [path for path in root.rglob("*") if path.suffix in (".log", ".out", ".err", ".json", ".txt", ".yaml")]


def test_a_wrong_key_and_a_missing_one_are_one_line(local_ray: Path, tmp_path: Path) -> None:
    with served(lambda body, before: Answer(status=401), tmp_path) as (server, config):
        with (
            logged(config, tmp_path / "log", "wrong") as ask,
            pytest.raises(TeacherError, match=r"refuses the key: check teacher.api_key_env or .* \(401\)"),
        ):
            ask(asked("question"))
        assert len(server.calls) == 1
        missing = config.teacher.model_copy(update={"api_key_file": str(tmp_path / "gone")})
    from skillray.on_ray.teacher import start_teacher, stop_teacher

    try:
        with pytest.raises(TeacherError, match=r"teacher.api_key_file .*/gone: No such file"):
            start_teacher("teacher-gone", missing, config.placement.teacher, 120.0, print)
    finally:
        stop_teacher("teacher-gone")


def test_an_app_that_is_not_there_is_one_line(local_ray: Path) -> None:
    from skillray.config.model import Placement
    from skillray.on_ray.teacher import start_teacher
    from skillray.teacher.settings import ServeTeacherConfig

    config = ServeTeacherConfig(model="m", app="nobody")
    with pytest.raises(TeacherError, match=r"teacher.app: no Serve app 'nobody' on this cluster; there are: none"):
        start_teacher("teacher-attached", config, Placement(), 120.0, print)
