"""A teacher that is a language model: prompts out, typed replies back. A completer knows where the model runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from skillray.errors import TeacherError
from skillray.teacher.forms import schema
from skillray.teacher.parse import MAX_RAW, parse
from skillray.teacher.prompting import Prompts, PromptTooLongError
from skillray.teacher.tasks import (
    ClusterSkills,
    Compose,
    Decompose,
    Grade,
    LabelSkills,
    NameMissingSkills,
    Outcome,
    Reply,
    Request,
    Rewrite,
    Solve,
    Task,
    WriteExercises,
    WriteQuestions,
    WriteTextbook,
    reply_key,
)

PARSER = 3
"""Raised when the same text is read otherwise: replies are kept as they were read."""
SAMPLING: Mapping[Task, Mapping[str, Any]] = {
    Task.LABEL_SKILLS: {"temperature": 0.0, "max_tokens": 512},
    Task.CLUSTER_SKILLS: {"temperature": 0.0, "max_tokens": 8192},
    Task.NAME_MISSING_SKILLS: {"temperature": 0.0, "max_tokens": 1024},
    Task.WRITE_QUESTIONS: {"temperature": 1.0, "max_tokens": 4096},
    Task.SOLVE: {"temperature": 1.0, "max_tokens": 2048},
    Task.WRITE_TEXTBOOK: {"temperature": 1.0, "max_tokens": 4096},
    Task.WRITE_EXERCISES: {"temperature": 1.0, "max_tokens": 4096},
    Task.COMPOSE: {"temperature": 1.0, "max_tokens": 2048},
    Task.DECOMPOSE: {"temperature": 0.0, "max_tokens": 2048},
    Task.GRADE: {"temperature": 0.0, "max_tokens": 1024},
}
"""Our choice: STAT (arXiv 2510.10023, C.1) prints its students' settings and not its teacher's. What is asked once is
greedy; what is asked several times for different texts is sampled."""
AGAIN = 1.0
"""Temperature of all but the first sample of what is greedy."""
_KINDS: Mapping[Task, tuple[type, ...]] = {
    Task.LABEL_SKILLS: (LabelSkills,),
    Task.CLUSTER_SKILLS: (ClusterSkills,),
    Task.NAME_MISSING_SKILLS: (NameMissingSkills,),
    Task.WRITE_QUESTIONS: (WriteQuestions,),
    Task.SOLVE: (Solve, Rewrite),
    Task.WRITE_TEXTBOOK: (WriteTextbook,),
    Task.WRITE_EXERCISES: (WriteExercises,),
    Task.COMPOSE: (Compose,),
    Task.DECOMPOSE: (Decompose,),
    Task.GRADE: (Grade,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySampling:
    """How one teacher is sampled."""

    max_tokens: Mapping[Task, int] = field(default_factory=dict)
    """Where it is not as in SAMPLING."""
    greedy: bool = True
    """Whether what is asked once is asked at temperature 0; else no temperature is sent with it."""

    def of(self, task: Task, request: Request) -> Mapping[str, Any]:
        """Settings that enter the key of a reply."""
        settings = {**SAMPLING.get(task, {})}
        if task in self.max_tokens:
            settings["max_tokens"] = self.max_tokens[task]
        if isinstance(request, NameMissingSkills | Grade) and request.sample:
            settings["temperature"] = AGAIN
        elif not self.greedy and settings.get("temperature") == 0.0:
            del settings["temperature"]
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back for one prompt."""

    text: str
    finish_reason: str = "stop"
    """As the OpenAI API says it: stop, length, content_filter; "error" for a request that the service turned down."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    without: frozenset[str] = frozenset()
    """Parameters that the server does not take, so that they were not sent."""


class Completer(Protocol):
    """Anything that goes on with a prompt.

    Its errors concern every request: no key, no such model, nobody there. A request that fails alone is a `Completion`.
    """

    @property
    def model(self) -> str:
        """Its name and revision."""

    async def check(self) -> None:
        """Raises `TeacherError` where no prompt could be answered."""

    async def complete(
        self, prompt: str, sampling: Mapping[str, Any], schema: Mapping[str, Any] | None
    ) -> Completion: ...


@dataclass(frozen=True)
class LLMTeacher:
    """Each request is one completion; those of a batch run at once, as far as the completer lets them."""

    completer: Completer
    prompts: Prompts
    sampling: ReplySampling = ReplySampling()

    @property
    def model(self) -> str:
        """Everything but the request and `ReplySampling.of` that decides a reply."""
        return name_of(self.completer.model, self.prompts)

    async def ask(self, task: Task, requests: Sequence[Request]) -> list[Reply]:
        """One reply a request, in order. Only errors that concern every request are raised."""
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._reply(task, request)) for request in requests]
        except ExceptionGroup as errors:  # the first has cancelled the others
            raise errors.exceptions[0] from None
        return [one.result() for one in asked]

    async def _reply(self, task: Task, request: Request) -> Reply:
        if not isinstance(request, _KINDS.get(task, ())):
            return Reply(outcome=Outcome.UNSUPPORTED)
        try:
            prompt = self.prompts.render(request)
        except PromptTooLongError as error:
            return Reply(outcome=Outcome.FAILED, raw=str(error))
        sampling = {**self.sampling.of(task, request), "seed": self._seed(task, request)}
        completion = await self.completer.complete(prompt, sampling, schema(request))
        if sampling.get("temperature") == 0.0 and "temperature" in completion.without:
            raise TeacherError(
                f"teacher.model {self.completer.model} takes no temperature, and {task} is asked at 0: a sampled reply "
                "must not be kept as a greedy one; set teacher.greedy to false"
            )
        failed = completion.finish_reason == "error"
        reply = (
            Reply(outcome=Outcome.FAILED, raw=completion.text[:MAX_RAW])
            if failed
            else parse(request, completion.text, completion.finish_reason, prompt)
        )
        return replace(reply, prompt_tokens=completion.prompt_tokens, completion_tokens=completion.completion_tokens)

    def _seed(self, task: Task, request: Request) -> int:
        """Of the key, in 31 bits: samples of one question differ, and the same request is the same everywhere."""
        return int.from_bytes(reply_key(self.model, task, request, self.sampling.of(task, request))[:4], "big") >> 1


def name_of(model: str, prompts: Prompts) -> str:
    return f"{model}+prompts-{prompts.version}+parser-{PARSER}"
