"""What a teacher can be asked, how it may answer, and the key under which an answer is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from skillray.protocols import Task as Task
from skillray.types import Id, Question, content_id

MAX_SKILLS = 5
"""Labels of a question (STAT, arXiv 2510.10023, C.3.1)."""


class Outcome(StrEnum):
    """How a request came back. A member is always truthy: compare with `is`."""

    OK = "ok"
    """The reply has the value that was asked for."""
    EMPTY = "empty"
    """The teacher answered in the right form and named or wrote nothing."""
    UNKNOWN_SKILL = "unknown_skill"
    """Every skill in it is outside the vocabulary that was allowed."""
    MALFORMED = "malformed"
    """The answer is not in the form that was asked for."""
    TRUNCATED = "truncated"
    """The answer ended at the length limit; never used again."""
    REFUSED = "refused"
    """The teacher, or the service before it, declined to answer."""
    JUDGED_CORRECT = "judged_correct"
    """Asked for missing skills, the teacher found the response correct."""
    TOO_MANY_SKILLS = "too_many_skills"
    """It lists most of the vocabulary: nothing was chosen."""
    NO_STEPS = "no_steps"
    """A rewritten solution that is nothing but its answer."""
    SEED_AGAIN = "seed_again"
    """Asked for a new question, the teacher wrote one that it was shown."""
    NO_MAJORITY = "no_majority"
    """Of several samples of the teacher no more than half say the same; of a vote, never of a single reply."""
    FAILED = "failed"
    """No answer came: the service was down or too slow. Never data, never used again."""
    UNSUPPORTED = "unsupported"
    """This teacher cannot do this task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSkills:
    """Value of the reply: one to five skills, the main one first."""

    question: Question
    allowed: tuple[str, ...]
    """The vocabulary of the question's subject; empty for one name in the teacher's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSkills:
    """Value of the reply: name of a family -> those of the labels that are in it, each in one family."""

    labels: tuple[str, ...]
    subject: str
    families: int
    """About how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMissingSkills:
    """Value of the reply: the skills that the response failed to use."""

    question: Question
    response: str
    allowed: tuple[str, ...]
    sample: int = 0
    """0-based; tells repetitions apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteQuestions:
    """Value of the reply: `count` new questions, as `written` makes them."""

    skill: str | None
    """None: what the seeds need (Embed-Syn)."""
    seeds: tuple[Question, ...]
    """With their solutions; the new ones are to be as hard."""
    count: int
    index: int
    """Tells repetitions of the same request apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solve:
    """Value of the reply: the text of one solution."""

    question: Question
    sample: int
    """0-based; tells repetitions apart."""
    skills: tuple[str, ...] = ()
    """Skills to point the teacher to; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """Value of the reply: the question's reference solution in other words, with the same final answer.

    A request of `Task.SOLVE`, and the only one whose prompt shows the reference.
    """

    question: Question
    index: int
    """0-based; tells repetitions apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decompose:
    """Value of the reply: the skills that `skill` builds on directly, each {"name", "description"}; EMPTY for none."""

    skill: str
    path: tuple[str, ...]
    """Where it stands: from the topic down to the skill that it is a part of; empty for the topic itself."""
    breadth: int
    """At most so many."""
    known: tuple[str, ...]
    """Skills that have a name already, to be named like that; the teacher may name others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTextbook:
    """Value of the reply: the text of a passage. DSA's textbook data (arXiv 2412.19361): a description, links to the
    prerequisites, key concepts, worked examples and homework.
    """

    skill: str
    subject: str
    description: str
    """What the skill graph says of it; empty where it says nothing."""
    prerequisites: tuple[str, ...]
    index: int
    """0-based; tells passages on the same skill apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteExercises:
    """Value of the reply: at most `count` exercises with their solutions, as `written` makes them. DSA's exercise data
    (arXiv 2412.19361): the solution must use the skill, on top of those that it builds on, and name what it uses.
    """

    skill: str
    subject: str
    description: str
    learned: tuple[str, ...]
    """The skills that it builds on."""
    count: int
    index: int
    """0-based; tells repetitions of the same request apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """Value of the reply: one question that is harder than these, with its solution, as `written` makes it."""

    questions: tuple[Question, ...]
    """Two or more, with their solutions."""
    index: int
    """0-based; tells repetitions of the same request apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Value of the reply: 0 or 1 for each criterion, in order, as SKILL-MIX grades (arXiv 2310.17567)."""

    asked: str
    """What the response was to do, as its writer was told."""
    response: str
    criteria: tuple[str, ...]
    sample: int = 0
    """0-based; tells repetitions apart."""


Request = (
    LabelSkills
    | ClusterSkills
    | NameMissingSkills
    | WriteQuestions
    | Solve
    | Rewrite
    | WriteTextbook
    | WriteExercises
    | Compose
    | Decompose
    | Grade
)
"""A request holds whole questions, reference included: exact teachers need it, and a prompt must never show the
reference of the question it asks about (but for `Rewrite`). Its JSON is in the key, so no two kinds of one task may
have the same field names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one request."""

    outcome: Outcome
    value: Any = None
    """Plain JSON, of the shape that the request says; None unless the outcome is OK. Of JUDGED_CORRECT the skills that
    were named all the same."""
    raw: str = ""
    """The text as it came, kept where the value could not be read; empty for exact teachers."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


def written(question: Question) -> dict[str, Any]:
    """A new question in a reply: an exact teacher sends answer and solution along; an LLM leaves the answer empty, and
    the solution too where none was asked for.
    """
    body = asdict(question) | {"skills": list(question.skills)}
    del body["question_id"]  # of the text, so whoever reads the reply makes it
    return body


def canonical_json(request: Request) -> str:
    """The same text for equal requests in every process. Ids of questions are left out: their content is there. So is
    the first sample of what is mostly asked once.
    """
    fields = asdict(request)
    if isinstance(request, NameMissingSkills) and request.sample == 0:
        del fields["sample"]
    return json.dumps(_without_ids(fields), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def reply_key(model: str, task: Task, request: Request, sampling: Mapping[str, Any]) -> Id:
    """Where the reply is kept, 16 bytes. Student, round and run never enter: nobody pays twice.

    `model` includes its revision; `sampling` is plain JSON.
    """
    settings = json.dumps(sampling, sort_keys=True, separators=(",", ":"))
    return content_id("reply", model, task, canonical_json(request), settings)


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items() if key != "question_id"}
    return [_without_ids(item) for item in value] if isinstance(value, tuple | list) else value
