"""The nouns: frozen records, and the two functions of identity that everything rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from pydantic import BaseModel, ConfigDict

Id = bytes
"""A content id: 16 bytes of blake2b, stored as fixed_size_binary(16)."""


def content_id(*parts: str | int | bytes) -> Id:
    """16 bytes that depend on the content alone; parts are length-prefixed, so ("ab", "c") is not ("a", "bc")."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def seed_for(*identity: str | int | bytes) -> int:
    """A 63-bit seed that is the same in every process; never of time, worker or order of work."""
    return int.from_bytes(content_id(*identity)[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class Ids(Sequence[Id]):
    """Many ids as one value: 16 bytes each, where a tuple of them takes 60."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data) // 16

    @overload
    def __getitem__(self, index: int) -> Id: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Id]: ...

    def __getitem__(self, index: int | slice) -> Id | Sequence[Id]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return tuple(self[place] for place in places)
        return self.data[16 * places : 16 * places + 16]


class Value(BaseModel):
    """A frozen setting: unknown keys are refused, equal fields compare equal, and it pickles."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with its reference."""

    question_id: Id
    question: str
    answer: str
    """Final answer, compared by grading.answers."""
    solution: str
    """Reference solution, one step a line; empty when there is none."""
    skills: tuple[str, ...]
    """One to five labels of the vocabulary, the main one first; empty means unmapped."""
    subject: str = ""
    level: int | None = None
    """Difficulty, 1 (easy) upwards; None when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScore:
    """One written step of a solution, judged."""

    text: str
    score: float
    """In [0, 1]; a domain's exact checker gives 0 or 1."""
    skill: str | None = None
    """The skill this step needed, where the scorer can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat."""

    role: str
    content: str


def user_turn(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def as_chat(messages: Sequence[Message]) -> list[dict[str, str]]:
    """The form that HF chat templates take."""
    return [{"role": m.role, "content": m.content} for m in messages]
