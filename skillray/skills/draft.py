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
"""Most notes of each kind that `build_graph` returns; one more note counts the rest. The graph file has them all."""
BLOCK = 512
"""Skills whose cosines with all skills before them are computed at once, which bounds the memory of a large graph."""
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""An embedder: maps texts to unit vectors in fp32, [texts, hidden]."""


@dataclass(frozen=True)
class Draft:
    """Skills and prerequisites as a source gives them.

    A draft may hold cycles and near-duplicates. `build_graph` checks that every prerequisite is a skill of it.
    """

    source: str
    """The file or the teacher that the draft comes from; messages begin with it."""
    prerequisites: Mapping[str, tuple[str, ...]]
    """Skill -> the skills that it builds on. The order is the order of the vocabulary."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Study unit -> the skills that it stands for."""
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Skill -> other names that sources use for it."""


@dataclass(frozen=True)
class Likeness:
    """The rule that skills with different names are one: the cosine of their embeddings is `min_cosine` or more."""

    embed: Embed
    min_cosine: float


def build_graph(
    drafts: Sequence[Draft], known: Sequence[str] = (), likeness: Likeness | None = None
) -> tuple[SkillGraph, list[str]]:
    """The graph of all `drafts`, and notes on what was merged in it, a line each.

    `known` are the skills that the questions of the data are labelled with. A skill that is one of them is
    spelled as there, and no two of them are merged for being alike.

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

    # Cycles come last: merging two skills can close a circle that no draft had.
    graph = condensed(merged)
    new = {unit: members for unit, members in graph.members.items() if unit not in merged.members}
    return graph, notes + _told("one study unit, for each needs the others", new)


def refuse_unknown(draft: Draft) -> None:
    """`DataError` for a prerequisite that is no skill of the draft."""
    for skill, needs in draft.prerequisites.items():
        for need in needs:
            if need not in draft.prerequisites:
                raise DataError(
                    f"{draft.source}: {skill!r} builds on {need!r}, which is no skill of it; add or correct it"
                )


def cycles(prerequisites: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """The strongly connected components of more than one skill: skills that need each other.

    The members of each are sorted by name, the components by their first member in the order of the vocabulary.
    """
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(prerequisites)
    graph.add_edges_from((need, skill) for skill, needs in prerequisites.items() for need in needs)

    # networkx yields components in an order of its own: sorting makes the graph the same in every process.
    components = [tuple(sorted(members)) for members in nx.strongly_connected_components(graph) if len(members) > 1]
    rank = {skill: index for index, skill in enumerate(prerequisites)}
    return sorted(components, key=lambda members: min(rank[member] for member in members))


def condensed(draft: Draft) -> SkillGraph:
    """The graph of a draft in which each set of skills that need each other is one study unit, at its first member's
    position in the vocabulary.
    """
    unit_of: dict[str, str] = {}
    members = dict(draft.members)
    for group in cycles(draft.prerequisites):
        # A skill of the group may itself be a unit of the draft: its members then join the new unit.
        united: list[str] = []
        for skill in group:
            united.extend(members.pop(skill, (skill,)))
        united.sort()
        unit = unit_name(united, draft.prerequisites)
        members[unit] = tuple(united)
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
    """The name of a study unit: its members joined, a+b+c, or a+b+7_more where that is longer than `MAX_NAME`.

    A name in `taken` gets a plus sign at its end, so that it differs from that of a skill.
    """
    name = "+".join(members)
    for shown in range(len(members) - 1, 0, -1):
        if len(name) <= MAX_NAME:
            break
        name = "+".join([*members[:shown], f"{len(members) - shown}_more"])
    while name in taken:
        name += "+"
    return name


def _by_name(drafts: Sequence[Draft], data_skills: Sequence[str]) -> dict[str, str]:
    """Each name of the drafts -> the name that its skill keeps: that of the data, or else the first."""
    fixed = set(data_skills)
    spelled = {key(name): name for name in reversed(data_skills)}  # reversed: of two alike the first one counts

    names = dict.fromkeys(name for draft in drafts for name in draft.prerequisites)
    return {name: name if name in fixed else spelled.setdefault(key(name), name) for name in names}


def _by_likeness(draft: Draft, data_skills: Sequence[str], likeness: Likeness) -> dict[str, str]:
    """Each skill -> the name that it keeps: that of the most similar skill before it, if they are similar enough.

    Two skills stay apart where the data uses both as labels, and where a source tells them apart: one builds on the
    other, or a third builds on both. That holds for every skill that either of the two was merged with.
    """
    fixed = set(data_skills)
    same = {skill: skill for skill in draft.prerequisites}
    skills = sorted(same, key=lambda skill: skill not in fixed)  # so that a group has the data's name
    group = {skill: {skill} for skill in skills}
    needs = {skill: set(prerequisites) for skill, prerequisites in draft.prerequisites.items()}
    dependents: dict[str, set[str]] = {skill: set() for skill in skills}
    for skill, prerequisites in draft.prerequisites.items():
        for need in prerequisites:
            dependents[need].add(skill)

    def apart(kept: str, new: str) -> bool:
        needed = new in needs[kept] or bool(group[kept] & needs[new])
        return needed or bool(dependents[kept] & dependents[new]) or (kept in fixed and new in fixed)

    for later, alike in _similar(skills, draft.descriptions, likeness):
        new = skills[later]
        for earlier in alike:
            kept = skills[earlier]
            # Only a skill that keeps its own name can stand for others, so that no chain of names arises.
            if same[kept] == kept and not apart(kept, new):
                same[new] = kept
                group[kept].add(new)
                needs[kept] |= needs[new]
                dependents[kept] |= dependents[new]
                break
    return same


def _similar(
    skills: Sequence[str], descriptions: Mapping[str, str], likeness: Likeness
) -> Iterator[tuple[int, list[int]]]:
    """Pairs (index of a skill, indices of the skills before it that are similar enough, the most similar first).

    A skill without such skills is left out.
    """
    texts = [": ".join(filter(None, [skill.replace("_", " "), descriptions.get(skill)])) for skill in skills]
    vectors_NH = likeness.embed(texts)
    for start in range(0, len(skills), BLOCK):
        cosines_BN = vectors_NH[start : start + BLOCK] @ vectors_NH[: start + BLOCK].T
        for row, cosines_N in enumerate(cosines_BN):
            alike = np.flatnonzero(cosines_N[: start + row] >= likeness.min_cosine)
            if len(alike):
                by_cosine = np.argsort(-cosines_N[alike], kind="stable")  # stable: equal cosines keep their order
                yield start + row, alike[by_cosine].tolist()


def _merged(drafts: Sequence[Draft], same: Mapping[str, str]) -> Draft:
    """All `drafts` as one draft: every skill has the name that `same` maps it to, and its old name as an alias."""
    aliases: dict[str, tuple[str, ...]] = {}
    for skill, name in same.items():
        others = [skill] if skill != name else []
        for draft in drafts:
            others.extend(draft.aliases.get(skill, ()))
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
    """The lists of all `parts`, joined under the names that `same` maps their skills to.

    Their entries are renamed by `inner`, or by `same` without it. No list has an entry twice, or its own skill.
    """
    within = same if inner is None else inner
    joined: dict[str, dict[str, None]] = {}  # dicts without values are sets that keep their order
    for part in parts:
        for skill, names in part.items():
            mine = joined.setdefault(same.get(skill, skill), {})
            mine |= dict.fromkeys(within.get(name, name) for name in names)
            mine.pop(same.get(skill, skill), None)
    return {skill: tuple(names) for skill, names in joined.items()}


def _first(parts: Sequence[Mapping[str, str]], same: Mapping[str, str]) -> dict[str, str]:
    """The first text that is not empty, of all `parts`, under the name that `same` maps its skill to."""
    texts: dict[str, str] = {}
    for part in parts:
        for skill, text in part.items():
            if text:
                texts.setdefault(same.get(skill, skill), text)
    return texts


def _groups(same: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Name that stays -> the skills that were merged into it; names that stand for themselves alone are left out."""
    groups: dict[str, tuple[str, ...]] = {}
    for skill, name in same.items():
        if skill != name:
            groups[name] = (*groups.get(name, ()), skill)
    return groups


def _told(what: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """A note for each group, of the first `MAX_LINES`; `what` says why its names were joined."""
    lines = [f"graph: {what}: {name} ({', '.join(names)})" for name, names in groups.items()]
    more = [f"graph: {what}: {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
    return lines[:MAX_LINES] + more
