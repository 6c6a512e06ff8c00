"""What a curriculum is: evidence in, orders out. It never calls a teacher."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from skillray.protocols import Task
from skillray.skills.graph import SkillGraph
from skillray.types import Id, Value, content_id

Memory = Mapping[str, Any]
"""What a curriculum carries from round to round: plain JSON values."""


class OrderKind(StrEnum):
    SELECT = "select"
    """Train on these pool questions."""
    KEEP = "keep"
    """Train on these pool questions, or general texts, to hold what is already known (replay)."""
    SYNTHESIZE = "synthesize"
    """A teacher writes `count` new questions for `skill` after these seed questions."""
    AUGMENT = "augment"
    """A teacher puts the solution of this pool question in other words, up to `count` times."""
    TEXTBOOK = "textbook"
    """A teacher writes `count` textbook passages on `skill`."""
    EXERCISE = "exercise"
    """A teacher writes `count` exercises that use `skill`."""
    COMPOSE = "compose"
    """A teacher makes one harder question of these, which are easy for the student."""
    CONCEPTS = "concepts"
    """A teacher writes a question that needs `skill` and `concepts`, as hard as the student can just learn."""
    CARRY = "carry"
    """Go on with these examples of the segment before, with this weight."""


WRITTEN = frozenset(
    {
        OrderKind.SYNTHESIZE,
        OrderKind.AUGMENT,
        OrderKind.TEXTBOOK,
        OrderKind.EXERCISE,
        OrderKind.COMPOSE,
        OrderKind.CONCEPTS,
    }
)
"""What a teacher writes; the rest comes from the pool."""


NEW = WRITTEN - {OrderKind.AUGMENT}
"""Whose questions, or passages, are new: a rewrite is of a pool question."""


class Need(StrEnum):
    """Evidence a curriculum can ask for; the loop runs only the verbs that give it."""

    GAPS = "gaps"
    """Missing skills of the difficult profile questions: roll_out, grade and diagnose."""
    FAILURES = "failures"
    """How many of the profile questions of every category are difficult: roll_out and grade."""
    NEIGHBOURS = "neighbours"
    """The pool questions most like each difficult profile question: roll_out, grade and embeddings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing a curriculum wants in the next round's data."""

    kind: OrderKind
    skill: str | None
    parent_id: Id | None
    """The difficult question that asked for it."""
    question_ids: tuple[Id, ...]
    count: int
    weight: float = 1.0
    unit: int = 0
    """Place in the order of study: an epoch goes by it. 0 for all where the order does not matter."""
    concepts: tuple[str, ...] = ()
    """What it is to need besides `skill`."""

    def order_id(self, index: int) -> Id:
        """`index` is the order's place in the plan: the same draw may be wanted twice."""
        wanted: list[str | bytes] = [self.skill or "", self.parent_id or b"", *self.question_ids, *self.concepts]
        return content_id(self.kind, *wanted, self.count, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The missing skills of one difficult question."""

    question_id: Id
    missing_skills: tuple[str, ...]
    category: str = ""
    """Its subject; where there are no subjects, its main skill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The profile questions of one category."""

    name: str
    asked: int
    failed: int
    """Those that are difficult."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The pool questions that are most like one difficult question."""

    question_id: Id
    nearest: tuple[Id, ...]
    """The most similar one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillMap:
    """STAT's Skill-Map: the pool, by id and by skill."""

    question_ids: Sequence[Id]
    """Every pool question, in a fixed order."""
    levels: Sequence[int | None]
    """Same order."""
    by_skill: Mapping[str, Sequence[Id]]
    """Skill -> the pool questions with that label, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a curriculum may look at."""

    skill_map: SkillMap
    gaps: tuple[Gap, ...] = ()
    """Empty when the curriculum did not ask for them, or when the student fails nothing."""
    failures: tuple[Failures, ...] = ()
    """Of every category; empty likewise."""
    neighbours: tuple[Neighbours, ...] = ()
    """Of every difficult question; empty likewise."""
    replay: Sequence[Id] = ()
    """General texts of the run, to be replayed; empty where it has none."""
    graph: SkillGraph | None = None
    """The run's; None in tests of curricula that do not look at it."""


_REMOVED = ("refused_", "drafts_held_out", "drafts_too_long", "drafts_near_duplicates")


def removed(notes: Mapping[str, float]) -> dict[str, float]:
    """Of the notes of a study, those that count what was removed of its drafts, by why."""
    return {name: count for name, count in notes.items() if name.startswith(_REMOVED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    orders: tuple[Order, ...]
    """What a teacher writes stands first: a later wave sends the first so many again."""
    target: int | None = None
    """Examples that a teacher is to write in all: its orders are sent again until so many are accepted."""
    memory: Memory = field(default_factory=dict)
    notes: Mapping[str, float] = field(default_factory=dict)
    """What a reader of the report should know: counts and shares by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSizes:
    """What is known of a run's data before anything was read or asked."""

    pool: int | None
    """Questions in the pool; None where only a download could tell."""
    skills: int | None
    """Skills in the graph; None where only the labels tell."""
    skills_at_most: bool = False
    """True where a teacher will take a topic apart, so that `skills` is a bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What one round of a curriculum will ask for, told before anything is paid."""

    text: str
    """What is made, for a reader, such as `at most 400 examples`."""
    examples: int | None
    """The most examples that the round trains on; None where nobody can tell."""
    calls: Mapping[Task, int] = field(default_factory=dict)
    """Teacher calls by task. Empty where nothing is asked, or, if the curriculum writes, where nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a new question is checked: `solutions` are written, and it stays if `at_least` have the same final answer."""

    solutions: int = 3
    at_least: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """New questions stay only if the student answers them right neither too seldom nor too often."""

    samples: int
    """Answers of the student to each question."""
    temperature: float
    least: float
    """The smallest share of right answers with which a question stays."""
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """What a curriculum can be checked against once the pool has been read, before anything is paid."""

    highest_level: int | None
    """None where the questions have no levels."""
    skills: Sequence[str] | None
    """None while a teacher or a graph may still name others."""
    subjects: Sequence[str]


def examples_text(num_examples: int | None) -> str:
    """A budget of examples, for a reader."""
    return "one for each order" if num_examples is None else f"at most {num_examples} examples"


class Curriculum(Value):
    """A method: its fields are its settings, their defaults the vetted ones, and `plan` is pure.

    Everything else that a run must know of a method is told by its class too, so that a new method is one file. Only
    `type`, `plan` and `forecast` must be there.
    """

    type: str
    needs: ClassVar[frozenset[Need]] = frozenset()
    """Evidence that `plan` looks at."""
    tasks: ClassVar[frozenset[Task]] = frozenset()
    """What a teacher is asked for its orders; empty for a method that only takes what the pool has."""
    replays_texts: ClassVar[bool] = False
    """Whether its KEEP orders name general texts of `data.replay`, where the run has them."""
    has_answers: ClassVar[bool] = True
    """False where its examples are passages: they have no final answer that could be made wrong on purpose."""

    @property
    def writes(self) -> bool:
        """Whether its orders have a teacher write something."""
        return bool(self.tasks)

    @abstractmethod
    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        """What to study next. An empty plan means there is nothing to learn (the student is perfect)."""

    @abstractmethod
    def forecast(self, sizes: DataSizes) -> Forecast:
        """What a round of it will ask for."""

    def shared_study(self) -> tuple[Any, ...] | None:
        """A key that is equal for all curricula whose teacher writes the same, whoever the student is; None where what
        is written depends on the student."""
        return None

    def agreement(self) -> Agreement:
        """How new questions are checked; the default is STAT-Syn's (arXiv 2510.10023, B.2)."""
        return Agreement()

    def num_neighbours(self) -> int:
        """How many pool questions it wants to see for each difficult question, where it needs neighbours."""
        return 0

    def reach(self) -> Reach | None:
        """How hard its new questions may be for the student; None where that is not asked."""
        return None

    def sorts_by_loss(self) -> bool:
        """Whether its units are studied in the order of the student's loss on them, the smallest first."""
        return False

    def problems(self, pool: PoolFacts) -> Iterator[tuple[str, str]]:
        """(field, what is wrong and what to do) for every setting that this pool cannot serve."""
        return iter(())
