"""Skills as somebody wrote them down, and how several such drafts become one skill graph (DSA, arXiv 2412.19361).

DSA merges the hierarchies of human syllabi with a recursive decomposition by a teacher; edges point from prerequisite
to dependent, lower skills to higher ones. What we have of it does not say how names are matched and what becomes of
cycles. Our choices:

- near-duplicates are one skill: by name (`names.key`), and by the cosine of embeddings where there is a model;
- skills that need each other are one study unit with those members: the graph of units has no cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from skillray.errors import DataError
from skillray.skills.graph import SkillGraph
from skillray.skills.names import MAX_NAME, key

MAX_LINES = 20
"""Notes of one kind; what is behind them is counted. The graph file has all."""
BLOCK = 512
"""Skills whose cosines with all others are looked at together."""
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Texts to unit vectors, [texts, hidden]."""


@dataclass(frozen=True)
class Draft:
    """May hold cycles and near-duplicates; that every prerequisite is one of its skills is for `build_graph` to see."""

    source: str
    """Where it comes from, for messages."""
    prerequisites: Mapping[str, tuple[str, ...]]
    descriptions: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Likeness:
    """When two skills with different names are one."""

    embed: Embed
    min_cosine: float


def build_graph(
    drafts: Sequence[Draft], known: Sequence[str] = (), likeness: Likeness | None = None
) -> tuple[SkillGraph, list[str]]:
    """The graph of all `drafts`, and what a reader must know of how it was made, line by line.

    `known`: names that the data has already. A skill that is one of them is written as there, and no two of them are
    merged for being alike.

    Raises:
        DataError: no skills, or a prerequisite that is no skill of any draft.
    """
    if not any(draft.prerequisites for draft in drafts):
        raise DataError(f"{drafts[0].source if drafts else 'skill graph'}: it has no skills; name at least one")
    for draft in drafts:
        refuse_unknown(draft)
    same = _by_name(drafts, known)
    merged = _merged(drafts, same)
    notes = _told("one skill by name", _groups(same))
    if likeness is not None:
        alike = _by_likeness(merged, known, likeness)
        notes += _told(f"one skill by a cosine of at least {likeness.min_cosine:g}", _groups(alike))
        merged = _merged([merged], alike)
    graph = condensed(merged)
    new = {unit: members for unit, members in graph.members.items() if unit not in merged.members}
    return graph, notes + _told("one study unit, for each needs the others", new)


def refuse_unknown(draft: Draft) -> None:
    for skill, needs in draft.prerequisites.items():
        for need in needs:
            if need not in draft.prerequisites:
                raise DataError(
                    f"{draft.source}: {skill!r} builds on {need!r}, which is no skill of it; add or correct it"
                )


def cycles(prerequisites: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """The largest sets of skills that need each other, each by name, in the order of the vocabulary."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(prerequisites)
    graph.add_edges_from((need, skill) for skill, needs in prerequisites.items() for need in needs)
    rank = {skill: place for place, skill in enumerate(prerequisites)}
    found = [tuple(sorted(one)) for one in nx.strongly_connected_components(graph) if len(one) > 1]
    return sorted(found, key=lambda members: min(rank[member] for member in members))


def condensed(draft: Draft) -> SkillGraph:
    """Every set of skills that need each other as one unit, at the place of its first member."""
    unit_of: dict[str, str] = {}
    members = dict(draft.members)
    for group in cycles(draft.prerequisites):
        whole = sorted(one for skill in group for one in members.pop(skill, (skill,)))
        unit = unit_name(whole, draft.prerequisites)
        members[unit] = tuple(whole)
        unit_of |= dict.fromkeys(group, unit)
    same = {skill: unit_of.get(skill, skill) for skill in draft.prerequisites}
    return SkillGraph(
        _mapped([draft.prerequisites], same),
        _first([draft.subjects], same),
        members=members,
        descriptions=draft.descriptions,
        aliases=draft.aliases,
    )


def unit_name(members: Sequence[str], taken: Collection[str] = ()) -> str:
    """Of the members, sorted: a+b+c, or a+b+7_more where that is too long. The same for the same members."""
    name = "+".join(members)
    for shown in range(len(members) - 1, 0, -1):
        if len(name) <= MAX_NAME:
            break
        name = "+".join([*members[:shown], f"{len(members) - shown}_more"])
    while name in taken:
        name += "+"
    return name


def _by_name(drafts: Sequence[Draft], known: Sequence[str]) -> dict[str, str]:
    """Each name of the drafts -> the name that its skill keeps: that of the data, or else the first."""
    fixed, spelled = set(known), {key(name): name for name in reversed(known)}
    names = dict.fromkeys(name for draft in drafts for name in draft.prerequisites)
    return {name: name if name in fixed else spelled.setdefault(key(name), name) for name in names}


def _by_likeness(draft: Draft, known: Sequence[str], likeness: Likeness) -> dict[str, str]:
    """Each skill -> the most similar one before it that stands for itself, where there is one similar enough.

    Skills stay apart that the data tells apart, and those that a source does: one that builds on the other, or two that
    the same skill builds on. So do those that are one with such.
    """
    fixed, same = set(known), {skill: skill for skill in draft.prerequisites}
    skills = sorted(same, key=lambda skill: skill not in fixed)  # so that a group has the data's name
    group = {skill: {skill} for skill in skills}
    needs = {skill: set(some) for skill, some in draft.prerequisites.items()}
    dependents: dict[str, set[str]] = {skill: set() for skill in skills}
    for skill, some in draft.prerequisites.items():
        for need in some:
            dependents[need].add(skill)

    def apart(one: str, new: str) -> bool:
        needed = new in needs[one] or bool(group[one] & needs[new])
        return needed or bool(dependents[one] & dependents[new]) or (one in fixed and new in fixed)

    for later, alike in _similar(skills, draft.descriptions, likeness):
        new = skills[later]
        free = (skills[one] for one in alike if same[skills[one]] == skills[one])
        if (first := next((one for one in free if not apart(one, new)), None)) is not None:
            same[new] = first
            group[first].add(new)
            for known_of in (needs, dependents):
                known_of[first] |= known_of[new]
    return same


def _similar(
    skills: Sequence[str], descriptions: Mapping[str, str], likeness: Likeness
) -> Iterator[tuple[int, list[int]]]:
    """(skill, those before it that are similar enough, the most similar first), for skills that have such."""
    texts = [": ".join(filter(None, [skill.replace("_", " "), descriptions.get(skill)])) for skill in skills]
    vectors_NH = likeness.embed(texts)
    for start in range(0, len(skills), BLOCK):
        cosines_BN = vectors_NH[start : start + BLOCK] @ vectors_NH[: start + BLOCK].T
        for row, cosines_N in enumerate(cosines_BN):
            found = np.flatnonzero(cosines_N[: start + row] >= likeness.min_cosine)
            if len(found):
                yield start + row, [int(one) for one in found[np.argsort(-cosines_N[found], kind="stable")]]


def _merged(drafts: Sequence[Draft], same: Mapping[str, str]) -> Draft:
    """All `drafts` in one, each name as `same` has it."""
    aliases: dict[str, tuple[str, ...]] = {}
    for skill, name in same.items():
        others = [skill] * (skill != name) + [other for draft in drafts for other in draft.aliases.get(skill, ())]
        if others:
            aliases[name] = tuple(dict.fromkeys([*aliases.get(name, ()), *others]))
    return Draft(
        ", ".join(draft.source for draft in drafts),
        _mapped([draft.prerequisites for draft in drafts], same),
        _first([draft.descriptions for draft in drafts], same),
        _first([draft.subjects for draft in drafts], same),
        _mapped([draft.members for draft in drafts], same, {}),
        aliases,
    )


def _mapped(
    parts: Sequence[Mapping[str, tuple[str, ...]]], same: Mapping[str, str], inner: Mapping[str, str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Lists under the names that `same` gives, joined, nothing twice and nothing under itself."""
    within = same if inner is None else inner
    found: dict[str, dict[str, None]] = {}
    for part in parts:
        for skill, names in part.items():
            mine = found.setdefault(same.get(skill, skill), {})
            mine |= dict.fromkeys(within.get(name, name) for name in names)
            mine.pop(same.get(skill, skill), None)
    return {skill: tuple(names) for skill, names in found.items()}


def _first(parts: Sequence[Mapping[str, str]], same: Mapping[str, str]) -> dict[str, str]:
    """Under each name the first text that there is."""
    found: dict[str, str] = {}
    for part in parts:
        for skill, text in part.items():
            if text:
                found.setdefault(same.get(skill, skill), text)
    return found


def _groups(same: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for skill, name in same.items():
        if skill != name:
            found[name] = (*found.get(name, ()), skill)
    return found


def _told(what: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    lines = [f"graph: {what}: {name} ({', '.join(names)})" for name, names in groups.items()]
    more = [f"graph: {what}: {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
    return lines[:MAX_LINES] + more
