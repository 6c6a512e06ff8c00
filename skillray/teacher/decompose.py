"""A topic taken apart by a teacher, skill by skill (DSA, arXiv 2412.19361: recursive decomposition).

Breadth first, a level at a time: all skills of a level are one call of `ask`, so a served teacher works on all of them
at once. Limits, and what a reply may name, are our choice: what names the skill itself or one above it is left out and
counted, and a skill that stands somewhere already is a further edge and is not asked about again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from skillray.errors import DataError, StageError
from skillray.protocols import Ask
from skillray.skills.draft import Draft
from skillray.skills.names import key, written
from skillray.teacher.tasks import Decompose, Outcome, Reply, Task

MAX_KNOWN = 200
"""Names that a request shows: those of the skill's siblings, then the others in the order in which they were found."""
FEW = 5
"""Skills named in a note."""


@dataclass(frozen=True)
class Limits:
    depth: int
    """Levels that are taken apart, the topic the first."""
    breadth: int
    """Sub-skills of one skill."""
    max_calls: int
    """Requests in all."""


@dataclass
class _Found:
    """What is known so far."""

    names: dict[str, str]
    """Key -> name, of everything that has one."""
    needs: dict[str, dict[str, None]]
    descriptions: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    full: int = 0
    """Replies that used the whole breadth."""
    above: int = 0
    """Names left out."""


_Place = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A skill, the path to it, its siblings."""


def decompose(topic: str, limits: Limits, ask: Ask, known: Sequence[str] = ()) -> tuple[Draft, list[str]]:
    """The skills that `topic` is made of, the topic among them, and what a reader must know, line by line.

    `known`: names of a syllabus or of the data, for the teacher to use.

    Raises:
        StageError: this teacher cannot take skills apart.
        DataError: it named nothing that the topic is made of.
    """
    names = {key(name): name for name in reversed(known)}
    top = names.setdefault(key(topic), written(topic) or topic)
    found = _Found(names, {top: {}})
    level: list[_Place] = [(top, (), ())]
    for _ in range(limits.depth):
        left = limits.max_calls - found.outcomes.total()
        asked, cut = level[:left], level[left:]
        if not asked:
            break
        replies = ask(Task.DECOMPOSE, [_request(place, limits.breadth, found) for place in asked])
        level = [new for place, reply in zip(asked, replies, strict=True) for new in _take(place, reply, found, limits)]
        if cut:
            level = [*cut, *level]
            break
    if not found.needs[top]:
        said = ", ".join(sorted(found.outcomes))
        raise DataError(
            f"graph.topic: the teacher named nothing that {topic!r} is made of ({said}); look at its reply in the log, "
            "and give another topic or teacher"
        )
    needs = {skill: tuple(some) for skill, some in found.needs.items()}
    draft = Draft(f"{topic}, taken apart", needs, found.descriptions)
    return draft, _notes(found, limits, [skill for skill, _, _ in level])


def _request(place: _Place, breadth: int, found: _Found) -> Decompose:
    skill, path, siblings = place
    hidden = {skill, *path}
    known = [name for name in dict.fromkeys([*siblings, *found.names.values()]) if name not in hidden]
    return Decompose(skill=skill, path=path, breadth=breadth, known=tuple(known[:MAX_KNOWN]))


def _take(place: _Place, reply: Reply, found: _Found, limits: Limits) -> list[_Place]:
    """The reply into `found`; the skills in it that are to be asked about."""
    skill, path, _ = place
    if reply.outcome is Outcome.UNSUPPORTED:
        raise StageError("graph: this teacher cannot take skills apart; set another `teacher`")
    found.outcomes[str(reply.outcome)] += 1
    if reply.outcome is not Outcome.OK:
        return []
    parts = reply.value[: limits.breadth]
    found.full += len(parts) == limits.breadth
    new = []
    for part in parts:
        name = found.names.setdefault(key(part["name"]), part["name"])
        if name == skill or name in path:
            found.above += 1
            continue
        if part["description"]:
            found.descriptions.setdefault(name, part["description"])
        found.needs[skill][name] = None
        if name not in found.needs:
            found.needs[name] = {}
            new.append(name)
    siblings = tuple(found.needs[skill])
    return [(name, (*path, skill), siblings) for name in new]


def _notes(found: _Found, limits: Limits, left: Sequence[str]) -> list[str]:
    total = found.outcomes.total()
    how = ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.outcomes.items()))
    lines = [f"graph: the teacher was asked about {total} skills ({how}) and named {len(found.needs)}"]
    if left:
        limit = f"max_calls {limits.max_calls}" if total >= limits.max_calls else f"depth {limits.depth}"
        names = ", ".join(left[:FEW]) + (", …" if len(left) > FEW else "")
        lines.append(f"graph: {limit} is reached: {len(left)} skills were not taken apart ({names})")
    if found.full:
        lines.append(f"graph: {found.full} replies have {limits.breadth} sub-skills, all that breadth allows")
    if found.above:
        lines.append(f"graph: {found.above} names of the skill itself or one above it were left out of replies")
    return lines
