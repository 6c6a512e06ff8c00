"""The skill graph as JSON: a run's data/graph.json, and what `graph.path` and `skillray graph` read and write.

{"version": 1,
 "skills": ["limits", "derivatives", "a+b"],           the vocabulary, in its order
 "prerequisites": {"derivatives": ["limits"], ...},    skill -> the skills it builds on; left out where none
 "subjects": {}, "descriptions": {}, "aliases": {},    as in SkillGraph
 "members": {"a+b": ["a", "b"]}}                       study unit -> its members
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from skillray.errors import DataError
from skillray.skills.draft import Draft, refuse_unknown
from skillray.skills.graph import SkillGraph

VERSION = 1
_TEXTS = ("subjects", "descriptions")
_LISTS = ("prerequisites", "members", "aliases")


def graph_json(graph: SkillGraph) -> dict[str, Any]:
    """The graph as values that JSON holds."""
    lists: dict[str, dict[str, list[str]]] = {}
    for name in _LISTS:
        lists[name] = {skill: list(names) for skill, names in getattr(graph, name).items()}
    texts = {name: dict(getattr(graph, name)) for name in _TEXTS}
    return {"version": VERSION, "skills": list(graph.skills), **lists, **texts}


def graph_from_json(value: Mapping[str, Any], source: str = "skill graph") -> SkillGraph:
    """The graph of a JSON value; `DataError` with one line for what is no graph, and for a graph with a cycle."""
    draft = draft_from_json(value, source)
    refuse_unknown(draft)
    return SkillGraph(draft.prerequisites, draft.subjects, draft.members, draft.descriptions, draft.aliases)


def draft_from_text(text: str, source: str) -> Draft:
    """The draft of a JSON text; `DataError` where it is none."""
    try:
        return draft_from_json(json.loads(text), source)
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{source}: is no JSON ({error}); give a graph that skillray graph build wrote") from None


def draft_from_json(value: Any, source: str) -> Draft:
    """The draft of a JSON value, of which only the form is checked: it may have cycles and unknown prerequisites."""
    if not isinstance(value, Mapping) or "skills" not in value:
        raise DataError(f"{source}: is no skill graph: it must be an object with `skills` and `prerequisites`")
    if value.get("version", VERSION) != VERSION:
        raise DataError(f"{source}: has version {value['version']!r}, and this skillray reads {VERSION}; build it anew")
    if unknown := sorted(value.keys() - {"version", "skills", *_LISTS, *_TEXTS}):
        raise DataError(f"{source}: unknown field {unknown[0]!r}; known here: {', '.join((*_LISTS, *_TEXTS))}")
    skills = value["skills"]
    if not _is_names(skills):
        raise DataError(f"{source}: skills must be a list of names")
    counts: Counter[str] = Counter(skills)
    if twice := [skill for skill, count in counts.items() if count > 1]:
        raise DataError(f"{source}: skills: {twice[0]!r} stands twice; remove one")
    for name in (*_LISTS, *_TEXTS):
        _check(value.get(name, {}), name, source)
    needs = value.get("prerequisites", {})
    if lost := sorted(needs.keys() - set(skills)):
        raise DataError(f"{source}: prerequisites: {lost[0]!r} is not among skills; add it there")
    return Draft(
        source,
        {skill: tuple(needs.get(skill, ())) for skill in skills},
        descriptions=dict(value.get("descriptions", {})),
        subjects=dict(value.get("subjects", {})),
        members={unit: tuple(names) for unit, names in value.get("members", {}).items()},
        aliases={skill: tuple(names) for skill, names in value.get("aliases", {}).items()},
    )


def _check(field: Any, name: str, source: str) -> None:
    """`DataError` unless `field` maps skills to lists of names, or to texts for one of `_TEXTS`."""
    holds_lists = name in _LISTS
    right = isinstance(field, Mapping)
    right = right and all(_is_names(value) if holds_lists else isinstance(value, str) for value in field.values())
    if not right:
        kind = "a list of names" if holds_lists else "a text"
        raise DataError(f"{source}: {name} must be an object of skill to {kind}")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name.strip() for name in value)
