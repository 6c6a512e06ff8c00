"""The reply log: what a teacher once answered is never asked again.

Immutable segments on storage (REPLIES schema), an index in memory that is rebuilt from them, single flight for requests
that are under way. Keys say what decides a reply and nothing else (tasks.reply_key): no student, no round, no run.
Failed and truncated replies are kept, as such, and never reused.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from skillray.errors import TableError
from skillray.store import files
from skillray.store.fence import Fence
from skillray.store.schemas import REPLIES
from skillray.store.tables import encode, read_part
from skillray.teacher.spending import Line, Spent
from skillray.teacher.tasks import Outcome, Reply
from skillray.types import Id

REUSABLE = frozenset(
    {
        *(Outcome.OK, Outcome.EMPTY, Outcome.UNKNOWN_SKILL, Outcome.JUDGED_CORRECT, Outcome.REFUSED),
        *(Outcome.TOO_MANY_SKILLS, Outcome.NO_STEPS, Outcome.SEED_AGAIN),
    }
)
"""Outcomes that are the teacher's word; the others are faults and are asked again."""
_READ = ["key", "task", "outcome", "asked_by", "prompt_tokens", "completion_tokens", "reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One acknowledged reply."""

    key: Id
    task: str
    model: str
    request: str
    """Canonical JSON."""
    asked_by: str
    """STUDENT/round-NNN; it is booked there, and is no part of the key."""
    reply: Reply


@dataclass
class ReplyLog:
    """The log of one shard, in `folder`. Not thread-safe: one actor owns it."""

    folder: str
    fence: Fence
    index: dict[Id, Reply] = field(default_factory=dict)
    spent: dict[Line, Spent] = field(default_factory=dict)
    """Of all replies in the log, those of earlier attempts at the run too."""
    known: Counter[str] = field(default_factory=Counter)
    """Requests of each task that cost nothing, since this process started: their reply stood here, or was under way."""
    _next: int = 0
    """Number of the segment to write."""

    def __post_init__(self) -> None:
        files.settle(self.folder)  # what is read here is answered as acknowledged
        for name in files.names_in(self.folder):
            if name.endswith(".parquet"):  # else a draft of whoever was killed
                self._read(int(name.removesuffix(".parquet")))
        while files.exists(self._path(self._next)):  # were a listing late, it would be so for the last ones
            self._read(self._next)

    def look_up(self, key: Id) -> Reply | None:
        return self.index.get(key)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write one immutable segment; when this returns, the replies are acknowledged."""
        if not entries:
            return
        data = encode(_as_rows(entries))
        while not self.fence.create(self._path(self._next), data):
            self._read(self._next)  # of another process that wrote this log: nothing is replaced
        self._next += 1
        for entry in entries:
            self._remember(entry.key, Line(entry.task, entry.asked_by, str(entry.reply.outcome)), entry.reply)

    @property
    def total(self) -> Spent:
        return sum(self.spent.values(), Spent())

    def _remember(self, key: Id, line: Line, reply: Reply) -> None:
        cost = Spent(1, reply.prompt_tokens, reply.completion_tokens)
        self.spent[line] = self.spent.get(line, Spent()) + cost
        if reply.outcome in REUSABLE:
            self.index.setdefault(key, reply)  # the first write wins

    def _read(self, number: int) -> None:
        path = self._path(number)
        try:
            rows = read_part(path, _READ).to_pylist()
        except TableError as error:
            raise TableError(f"{path} is damaged: restore it, or remove it to have it asked again") from error
        for row in rows:
            tokens = {name: row[name] for name in ("prompt_tokens", "completion_tokens")}
            reply = Reply(outcome=Outcome(row["outcome"]), **json.loads(row["reply"]), **tokens)
            self._remember(row["key"], Line(row["task"], row["asked_by"], row["outcome"]), reply)
        self._next = number + 1

    def _path(self, number: int) -> str:
        return os.path.join(self.folder, f"{number:08d}.parquet")


def shard_of(key: Id, num_shards: int) -> int:
    return int.from_bytes(key[:4], "big") % num_shards


def _as_rows(entries: Sequence[Entry]) -> pa.Table:
    rows = [
        {
            "key": entry.key,
            "task": entry.task,
            "model": entry.model,
            "request": entry.request,
            "outcome": str(entry.reply.outcome),
            "asked_by": entry.asked_by,
            "prompt_tokens": entry.reply.prompt_tokens,
            "completion_tokens": entry.reply.completion_tokens,
            "reply": json.dumps({"value": entry.reply.value, "raw": entry.reply.raw}, ensure_ascii=False),
        }
        for entry in entries
    ]
    return pa.Table.from_pylist(rows, schema=REPLIES)
