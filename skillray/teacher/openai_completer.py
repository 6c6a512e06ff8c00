"""A completer behind a URL: OpenAI's chat completions, whoever serves them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import openai

from skillray.errors import TeacherError
from skillray.teacher.identity import llm_name
from skillray.teacher.llm_teacher import Completion
from skillray.teacher.settings import OpenAITeacherConfig

DOWN_AFTER = 20
"""Calls that failed one after the other, each with its retries: then nobody is there, and the run stops."""
OPTIONAL = ("response_format", "seed", "temperature")
"""Parameters without which a reply is still a reply: a server that refuses one is asked without it from then on."""
REFUSED = (openai.BadRequestError, openai.UnprocessableEntityError)
HOPELESS = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)


def read_key(config: OpenAITeacherConfig) -> str:
    """The key, on the node where it is.

    Raises:
        TeacherError: there is none.
    """
    if config.api_key_file is not None:
        where = f"teacher.api_key_file {config.api_key_file}"
        try:
            with open(config.api_key_file, encoding="utf-8-sig") as file:  # some editors write a byte order mark
                key = file.read().strip()
        except OSError as error:
            raise TeacherError(f"{where}: {error.strerror} on this node") from None
        except UnicodeDecodeError:
            raise TeacherError(f"{where} is not UTF-8 text; save it as UTF-8") from None
    else:
        key, where = os.environ.get(config.api_key_env, "").strip(), f"environment variable {config.api_key_env}"
    if not key:
        raise TeacherError(f"{where} is empty on the teacher's node; put the key there (any text, if none is needed)")
    if not (key.isascii() and key.isprintable()):
        raise TeacherError(f"{where} holds characters or lines that no request can send; put the key there, alone")
    return key


def connect(config: OpenAITeacherConfig) -> openai.AsyncOpenAI:
    """openai's client: it retries as OpenAI asks, and knows Retry-After."""
    return openai.AsyncOpenAI(
        api_key=read_key(config), base_url=config.url, max_retries=config.max_retries, timeout=config.timeout_s
    )


@dataclass
class OpenAICompleter:
    """One for each replica."""

    config: OpenAITeacherConfig
    client: openai.AsyncOpenAI
    _without: set[str] = field(default_factory=set)
    """Of OPTIONAL, and "max_completion_tokens", whose older name is max_tokens."""
    _failed: int = 0
    """In a row."""

    @property
    def model(self) -> str:
        return llm_name(self.config)

    async def check(self) -> None:
        """Raises `TeacherError` when nobody answers at the URL, or the key is wrong."""
        try:
            await self.client.models.list()
        except HOPELESS[:2] as error:
            raise self._hopeless(error) from None
        except openai.APIConnectionError as error:
            raise TeacherError(f"teacher.url {self.config.url}: nobody answers ({_cause(error)}); check it") from None
        except openai.OpenAIError:  # no list of models here, or busy: the calls will tell
            return

    async def complete(self, prompt: str, sampling: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Completion:
        """A refused request is a failed reply; what concerns every request is raised."""
        parameters = self._parameters(sampling, schema)
        try:
            answer = await self._create(prompt, parameters)
        except HOPELESS as error:
            raise self._hopeless(error) from None
        except REFUSED as error:
            name = _named(error, {*parameters} - self._without)
            if name is None:
                return Completion(text=_said(error), finish_reason="error")
            self._without.add(name)
            return await self.complete(prompt, sampling, schema)
        except (openai.OpenAIError, ValueError) as error:  # ValueError: a body that is no JSON
            return self._fault(error)
        self._failed = 0
        return _completion(answer)

    def _parameters(self, sampling: Mapping[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any]:
        found = {("max_completion_tokens" if name == "max_tokens" else name): v for name, v in sampling.items()}
        if schema is not None:
            form = {"name": "reply", "strict": True, "schema": schema}
            found["response_format"] = {"type": "json_schema", "json_schema": form}
        return found

    async def _create(self, prompt: str, parameters: dict[str, Any]) -> Any:
        sent = {name: value for name, value in parameters.items() if name not in self._without}
        if "max_completion_tokens" in self._without:
            sent["max_tokens"] = parameters["max_completion_tokens"]
        create: Any = self.client.chat.completions.create  # overloads of every parameter
        return await create(model=self.config.model, messages=[{"role": "user", "content": prompt}], **sent)

    def _hopeless(self, error: openai.APIStatusError) -> TeacherError:
        what = "refuses the key: check teacher.api_key_env or teacher.api_key_file on its node"
        if isinstance(error, openai.NotFoundError):
            what = f"knows no model {self.config.model!r}, or has no chat completions: check both"
        return TeacherError(f"teacher.url {self.config.url} {what} ({error.status_code})")

    def _fault(self, error: Exception) -> Completion:
        self._failed += 1
        if self._failed >= DOWN_AFTER:
            raise TeacherError(
                f"teacher.url {self.config.url}: {self._failed} calls in a row failed, each after its retries; the "
                f"last: {_said(error)}; every reply is kept: run the same command when it answers again"
            )
        return Completion(text=_said(error), finish_reason="error")


def _named(error: openai.APIStatusError, sent: set[str]) -> str | None:
    """The optional parameter that the server does not take."""
    names = [name for name in (*OPTIONAL, "max_completion_tokens") if name in sent]
    parameter = str(getattr(error, "param", None) or "")
    told = parameter or str(error)
    return next((name for name in names if name in told), None)


def _completion(answer: Any) -> Completion:
    """Whatever a server sends: fields that are not there are none."""
    choice = (getattr(answer, "choices", None) or [None])[0]
    message, usage = getattr(choice, "message", None), getattr(answer, "usage", None)
    if message is None:
        return Completion(text="the answer has no message", finish_reason="error")
    refusal = getattr(message, "refusal", None)
    return Completion(
        text=str(refusal or message.content or ""),
        finish_reason="content_filter" if refusal else str(choice.finish_reason or "stop"),
        prompt_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        completion_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
    )


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _cause(error: Exception) -> str:
    return _said(error.__cause__) if isinstance(error.__cause__, Exception) else _said(error)
