"""The teacher on Ray Serve: one app for all students of a run.

reply log ── ask(task, requests) ──> app teacher-RUN:  TeacherReplica ──┬── a domain
                                                                        ├── OpenAI's API, anybody's
                                                                        ├── LLMServer (vLLM) of the same app
                                                                        └── LLMServer of an app that is not ours
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any

from ray import serve
from ray.serve.exceptions import RayServeException

from skillray.config.model import Placement
from skillray.domains import DOMAINS
from skillray.errors import DeadlineError, TeacherError
from skillray.on_ray.data import worker_resources
from skillray.on_ray.engine import EngineCompleter, find_engine, vllm_app
from skillray.teacher.domain_teacher import DomainTeacher
from skillray.teacher.identity import sampling_of
from skillray.teacher.llm_teacher import Completer, LLMTeacher
from skillray.teacher.prompting import Prompts
from skillray.teacher.settings import (
    DomainTeacherConfig,
    LlmTeacherConfig,
    OpenAITeacherConfig,
    ServeTeacherConfig,
    TeacherConfig,
    VllmTeacherConfig,
)
from skillray.teacher.tasks import Reply, Request, Task

POLL_S = 0.5
DOMAIN_CALLS = 8
"""Calls at a replica of a domain teacher; each has many requests, and works all the time."""
CHECK_S = 120.0
"""For the first sign of life behind an app that is up."""
Log = Callable[[str], None]
"""Where the whole story of a failed start goes."""


class TeacherReplica:
    """One replica: holds a teacher, and nothing that has to survive."""

    def __init__(self, config: TeacherConfig, engine: Any = None) -> None:
        self._config, self._engine = config, engine
        self._teacher: DomainTeacher | LLMTeacher | None = None

    async def check(self) -> None:
        """Raises `TeacherError` where no call could be answered."""
        teacher = self._open()
        if isinstance(teacher, LLMTeacher):
            await teacher.completer.check()

    async def ask(self, task: Task, requests: Sequence[Request]) -> list[Reply]:
        replies = self._open().ask(task, requests)
        return await replies if inspect.isawaitable(replies) else replies

    def _open(self) -> DomainTeacher | LLMTeacher:
        """Not when the replica starts: what is wrong then reaches nobody but Serve's logs."""
        if self._teacher is None:
            config = self._config
            if isinstance(config, DomainTeacherConfig):
                self._teacher = DomainTeacher(DOMAINS[config.domain])
            else:
                self._teacher = LLMTeacher(
                    _completer(config, self._engine), Prompts(config.prompts), sampling_of(config)
                )
        return self._teacher


def _completer(config: LlmTeacherConfig, engine: Any) -> Completer:
    if isinstance(config, OpenAITeacherConfig):
        from skillray.teacher.openai_completer import OpenAICompleter, connect  # 0.8 s that no runner should pay

        return OpenAICompleter(config, connect(config))
    return EngineCompleter(config, engine or find_engine(config))


def start_teacher(app: str, config: TeacherConfig, placement: Placement, timeout_s: float, log: Log) -> None:
    """Serve the teacher as `app`, or wait for the one that is there. Handles only: no port is opened.

    Raises:
        TeacherError: it cannot work; `log` hears the whole story, that of its replica included.
        DeadlineError: it was not up after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    serve.start(proxy_location="Disabled")
    if isinstance(config, ServeTeacherConfig):
        find_engine(config)  # before anything of ours is started
    if app not in serve.status().applications:
        target = serve.RunTarget(_application(config, placement), name=app, route_prefix=None)
        serve.run_many([target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)
    _wait_until_running(app, deadline, timeout_s, log)
    left = max(1.0, min(CHECK_S, deadline - time.monotonic()))
    try:
        serve.get_app_handle(app).check.remote().result(timeout_s=left)
    except TimeoutError:
        raise DeadlineError(f"teacher {app} is up, and gave no sign in {left:.0f} s") from None


def stop_teacher(app: str) -> None:
    """Our own app, and no other; where nobody is asked, Serve may never have been started."""
    with contextlib.suppress(RayServeException):
        serve.delete(app)


def _application(config: TeacherConfig, placement: Placement) -> Any:
    calls = DOMAIN_CALLS if isinstance(config, DomainTeacherConfig) else config.concurrency * config.shards
    deployment = serve.deployment(TeacherReplica, max_ongoing_requests=calls, health_check_timeout_s=30)
    if isinstance(config, VllmTeacherConfig):  # it only passes calls on to the engine's replicas
        options = deployment.options(num_replicas=1, ray_actor_options={"num_cpus": 0.1})
        return options.bind(config, vllm_app(config, placement))
    return deployment.options(num_replicas=config.replicas, ray_actor_options=worker_resources(placement)).bind(config)


def _wait_until_running(app: str, deadline: float, timeout_s: float, log: Log) -> None:
    while True:
        found = serve.status().applications.get(app)
        if found is not None and found.status == "RUNNING":
            return
        story = _story(found)
        if found is not None and found.status in ("DEPLOY_FAILED", "UNHEALTHY"):
            log(story)
            raise TeacherError(f"teacher {app} could not start: {_last_line(story)}")
        if time.monotonic() > deadline:
            log(story)
            raise DeadlineError(
                f"teacher {app} did not start within cluster.start_timeout_s = {timeout_s:.0f} s: {_last_line(story)}"
            )
        time.sleep(POLL_S)


def _story(found: Any) -> str:
    """All that Serve knows of an app; a replica's traceback is among it."""
    if found is None:
        return "Serve does not know it"
    parts = [f"{name} is {one.status}: {one.message}" for name, one in found.deployments.items()]
    return "\n".join([f"app is {found.status}: {found.message}", *parts])


def _last_line(story: str) -> str:
    """Tracebacks end with what went wrong."""
    errors = [line.strip() for line in story.splitlines() if "Error" in line or "error:" in line]
    return (errors or [story.strip().splitlines()[-1]])[-1][:300]
