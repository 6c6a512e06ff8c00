"""A model behind a URL answers evaluation questions: any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from skillray.chat.prompt import StudentPrompt, messages
from skillray.chat.sampling import Sampling
from skillray.errors import DataError, StageError
from skillray.loop.roll_out import with_answers
from skillray.types import as_chat, seed_for

KEY = "OPENAI_API_KEY"
"""Environment variable with the key, on the node that asks; local servers need none."""
AT_ONCE = 16
"""Requests under way from one worker."""
RETRIES = 8
"""Of one request, with growing pauses, where the server is busy or out of reach."""


@dataclass(frozen=True)
class AskUrl:
    """Stage: questions to rollouts, K rows a question, next to each other.

    A server may ignore the seed and what it does not know of the sampling: what comes out is kept, and asked once.
    """

    url: str
    model: str
    prompt: StudentPrompt
    sampling: Sampling
    samples: int
    seed: int
    timeout_s: float = 600.0
    """Of one request."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        def ask(questions: pa.Table) -> pa.Table:
            ids, texts = questions["question_id"].to_pylist(), questions["question"].to_pylist()
            return with_answers(questions, asyncio.run(self._ask_all(ids, texts)), self.samples)

        return ask

    async def _ask_all(self, ids: list[bytes], questions: list[str]) -> list[dict[str, Any]]:
        from openai import AsyncOpenAI

        gate = asyncio.Semaphore(AT_ONCE)
        key = os.environ.get(KEY) or "none"
        async with AsyncOpenAI(base_url=self.url, api_key=key, max_retries=RETRIES, timeout=self.timeout_s) as client:

            async def one(question_id: bytes, question: str, sample: int) -> dict[str, Any]:
                async with gate:
                    return await self._ask(client, question, seed_for(self.seed, question_id, sample) % 2**31)

            asked = [
                one(question_id, question, sample)
                for question_id, question in zip(ids, questions, strict=True)
                for sample in range(self.samples)
            ]
            return await asyncio.gather(*asked)

    async def _ask(self, client: Any, question: str, seed: int) -> dict[str, Any]:
        from openai import APIError, BadRequestError

        sampling = self.sampling
        chat = as_chat(messages(self.prompt, question))
        try:
            answer = await client.chat.completions.create(
                model=self.model,
                messages=chat,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_new_tokens,
                seed=seed,
            )
        except BadRequestError as error:
            raise DataError(f"{self.url} refuses a question of model {self.model}: {_line(error)}") from None
        except APIError as error:
            raise StageError(f"{self.url} does not answer as model {self.model}: {_line(error)}") from None
        choice = answer.choices[0]
        tokens = answer.usage.completion_tokens if answer.usage else 0
        text = (choice.message.content or "").strip()
        return {"response": text, "num_tokens": tokens, "finished": choice.finish_reason != "length"}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
