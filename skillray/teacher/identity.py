"""What a teacher's replies are kept under: known from the config alone, without a key, a network or a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from skillray.domains import DOMAINS
from skillray.teacher.domain_teacher import DomainTeacher
from skillray.teacher.llm_teacher import ReplySampling, name_of
from skillray.teacher.prompting import Prompts
from skillray.teacher.settings import (
    Budget,
    DomainTeacherConfig,
    LlmTeacherConfig,
    OpenAITeacherConfig,
    ServeTeacherConfig,
    TeacherConfig,
    VllmTeacherConfig,
)
from skillray.teacher.spending import Limits
from skillray.teacher.tasks import Request, Task, reply_key
from skillray.types import Id


@dataclass(frozen=True, slots=True)
class TeacherId:
    """Everything but the request that decides a reply."""

    model: str
    sampling: ReplySampling | None
    """Of a language model; a domain teacher samples nothing."""

    def key(self, task: Task, request: Request) -> Id:
        return reply_key(self.model, task, request, self.sampling.of(task, request) if self.sampling else {})


def identify(config: TeacherConfig) -> TeacherId:
    match config:
        case DomainTeacherConfig():
            return TeacherId(DomainTeacher(DOMAINS[config.domain]).model, None)
        case OpenAITeacherConfig() | VllmTeacherConfig() | ServeTeacherConfig():
            return TeacherId(name_of(llm_name(config), Prompts(config.prompts)), sampling_of(config))
        case _:
            assert_never(config)


def sampling_of(config: LlmTeacherConfig) -> ReplySampling:
    return ReplySampling(max_tokens=dict(config.max_tokens), greedy=config.greedy)


def llm_name(config: LlmTeacherConfig) -> str:
    """Of the weights."""
    quantized = f":{config.quantization}" if isinstance(config, VllmTeacherConfig) and config.quantization else ""
    return f"{config.model}@{config.revision}{quantized}"


def limits_of(budget: Budget, config: TeacherConfig) -> Limits:
    """The part of one reply log: keys, and so calls, are dealt evenly."""
    shards, price = config.shards, None if config.type == "domain" else config.price
    return Limits(
        usd=budget.max_usd and budget.max_usd / shards,
        tokens=budget.max_tokens and max(1, budget.max_tokens // shards),
        calls=budget.max_calls and max(1, budget.max_calls // shards),
        prompt_price=price.prompt if price else 0.0,
        completion_price=price.completion if price else 0.0,
    )
