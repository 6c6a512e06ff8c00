"""A completer behind a URL: OpenAI's chat completions, whoever serves them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

import openai

from skillray.errors import TeacherError
from skillray.teacher.content import content_of
from skillray.teacher.identity import llm_name
from skillray.teacher.llm_teacher import Completion
from skillray.teacher.refusals import concerns_the_form, unknown_parameter
from skillray.teacher.settings import OpenAITeacherConfig

DOWN_AFTER = 20
"""Calls that failed one after the other, each with its retries: then nobody is there, and the run stops."""
OPTIONAL = ("response_format", "seed", "temperature")
"""Parameters without which a reply is still a reply: a server that knows one of them not is asked without it."""
NEW_NAME, OLD_NAME = "max_completion_tokens", "max_tokens"
"""Of the longest reply, in OpenAI's API; servers and models know one of the two, or both."""
MAX_REFUSALS = 6
"""Times that one request is sent, each without one more of the four parameters or without its schema."""
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
    _without: frozenset[str] = frozenset()
    """Of OPTIONAL, and NEW_NAME, for which OLD_NAME is sent then: refused by name, and answered without."""
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
        """A refused request is a failed reply; what concerns every request is raised.

        A parameter that the server names as unknown is left out, and from the next request on only if that helped.
        """
        parameters, without, told = self._parameters(sampling, schema), self._without, ""
        for _ in range(MAX_REFUSALS):
            try:
                answer = await self._create(prompt, parameters, without)
            except HOPELESS as error:
                raise self._hopeless(error) from None
            except REFUSED as error:
                told = _said(error)
                name = unknown_parameter(error, _refusable(parameters, without), prompt)
                if name is not None:
                    without |= {name}
                elif "response_format" in parameters and concerns_the_form(error, prompt):
                    del parameters["response_format"]  # of this request: other schemas may be taken
                else:
                    break
            except (openai.OpenAIError, ValueError) as error:  # ValueError: a body that is no JSON
                return self._fault(error)
            else:
                self._failed = 0
                self._without |= without
                return replace(_completion(answer), without=without & {*parameters})
        return Completion(text=told, finish_reason="error")

    def _parameters(self, sampling: Mapping[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any]:
        found = {(NEW_NAME if name == OLD_NAME else name): v for name, v in sampling.items()}
        if schema is not None:
            form = {"name": "reply", "strict": True, "schema": schema}
            found["response_format"] = {"type": "json_schema", "json_schema": form}
        return found

    async def _create(self, prompt: str, parameters: dict[str, Any], without: Set[str]) -> Any:
        sent = {name: value for name, value in parameters.items() if name not in without}
        if NEW_NAME in without:
            sent[OLD_NAME] = parameters[NEW_NAME]
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


def _refusable(parameters: Mapping[str, Any], without: Set[str]) -> list[str]:
    """What was sent and may be left out, or sent under its older name."""
    return [name for name in (*OPTIONAL, NEW_NAME) if name in parameters and name not in without]


def _completion(answer: Any) -> Completion:
    """Whatever a server sends: fields that are not there are none."""
    choice = (getattr(answer, "choices", None) or [None])[0]
    message, usage = getattr(choice, "message", None), getattr(answer, "usage", None)
    if message is None:
        return Completion(text="the answer has no message", finish_reason="error")
    refusal = getattr(message, "refusal", None)
    text, declined = content_of(getattr(message, "content", None))
    return Completion(
        text=str(refusal or declined or text),
        finish_reason="content_filter" if refusal or declined else str(choice.finish_reason or "stop"),
        prompt_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        completion_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
    )


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _cause(error: Exception) -> str:
    return _said(error.__cause__) if isinstance(error.__cause__, Exception) else _said(error)
