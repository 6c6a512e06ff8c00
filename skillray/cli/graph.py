"""What `skillray graph build | show | check` do: skill graphs and syllabi, outside a run."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

from skillray.config import RunConfig
from skillray.domains import DOMAINS
from skillray.errors import ConfigError, DataError
from skillray.loop.embed import embedding_here
from skillray.loop.preflight import check_graph
from skillray.loop.skill_graph import make_graph, read_draft
from skillray.skills.draft import Draft, build_graph, cycles
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import graph_json
from skillray.skills.names import key
from skillray.store.files import commit_json, exists, is_url
from skillray.store.layout import RunFolder

MAX_LINES = 200
"""Skills that are printed; --json has all."""


def build(config: RunConfig, out: str) -> None:
    if not out.endswith(".json"):
        raise ConfigError(f"--out {out}: its name must end in .json")
    path = out if is_url(out) else os.path.abspath(out)
    graph, notes = _made(config, f"{path}.replies")
    commit_json(path, graph_json(graph))
    for note in notes:
        print(note)
    print(f"{out}: {_size(graph)}")


def show(where: str, as_json: bool) -> None:
    graph, notes = build_graph([_draft(where)])
    depth, order = graph.depth(), graph.order()
    if as_json:
        print(json.dumps(_facts(graph), indent=2, ensure_ascii=False))
        return
    for note in notes:
        print(note)
    print(_size(graph))
    levels = Counter(depth.values())
    print("skills by depth: " + ", ".join(f"{level}: {levels[level]}" for level in sorted(levels)))
    for unit, members in graph.members.items():
        print(f"unit {unit}: {', '.join(members)}")
    print(f"\n{'depth':>5}  skill, prerequisites")
    for skill in order[:MAX_LINES]:
        needs = ", ".join(graph.prerequisites[skill])
        print(f"{depth[skill]:>5}  {skill}{f'  <- {needs}' if needs else ''}")
    if len(order) > MAX_LINES:
        print(f"… and {len(order) - MAX_LINES} more: --json has all")


def check(where: str) -> None:
    draft = _draft(where)
    problems = list(_problems(draft))
    needed = {need for needs in draft.prerequisites.values() for need in needs}
    alone = [skill for skill, needs in draft.prerequisites.items() if not needs and skill not in needed]
    if alone:
        print(f"isolated: {_listed(alone)}")
    if problems:
        for problem in problems[:MAX_LINES]:
            print(problem)
        raise DataError(f"{where}: {len(problems)} problem(s); `skillray graph build` makes cycles and duplicates one")
    print(f"{where}: {_size(build_graph([draft])[0])}; no problem found")


def _made(config: RunConfig, replies: str) -> tuple[SkillGraph, list[str]]:
    domain = DOMAINS[config.data.domain] if config.data.type == "domain" else None
    if config.graph is None:
        if domain is None:
            raise ConfigError("graph: is not set, and data.type 'tables' has none of its own; set graph.type")
        return domain.graph, []
    check_graph(config)
    known = domain.skills_of() if domain else ()
    if config.graph.type == "decompose":
        from skillray.on_ray.environment import no_cluster, prepare

        prepare(config.cluster.address)
        # After prepare: ray's core reads the environment at import.
        from skillray.on_ray.graph_build import build_on_ray

        try:
            return build_on_ray(config, known, replies)
        except ConnectionError:
            raise no_cluster(config.cluster.address) from None
    return make_graph(config, known, None, embedding_here(config.embedding))


def _draft(where: str) -> Draft:
    run = RunFolder(where)
    if exists(run.config):
        if not exists(run.graph):
            raise DataError(f"{where}: this run has no data/graph.json yet; start it with skillray run")
        return read_draft(run.graph)
    return read_draft(where)


def _problems(draft: Draft) -> list[str]:
    known = draft.prerequisites
    found = [
        f"unknown prerequisite: {s} <- {need}" for s, needs in known.items() for need in needs if need not in known
    ]
    inside = {skill: [need for need in needs if need in known] for skill, needs in known.items()}
    found += [f"itself a prerequisite: {skill}" for skill, needs in known.items() if skill in needs]
    found += [f"cycle of {len(ring)}: {_listed(ring)}" for ring in cycles(inside)]
    same: dict[str, list[str]] = {}
    for skill in known:
        same.setdefault(key(skill), []).append(skill)
    return found + [f"one skill by name: {_listed(names)}" for names in same.values() if len(names) > 1]


def _facts(graph: SkillGraph) -> dict[str, Any]:
    depth = graph.depth()
    levels = Counter(depth.values())
    return {
        "skills": len(graph.skills),
        "edges": len(graph.edges()),
        "by_depth": [levels[level] for level in sorted(levels)],
        "units": {unit: list(members) for unit, members in graph.members.items()},
        "order": [{"skill": skill, "depth": depth[skill]} for skill in graph.order()],
    }


def _size(graph: SkillGraph) -> str:
    depth = max(graph.depth().values())
    units = f", {len(graph.members)} study units of skills that need each other" if graph.members else ""
    return f"{len(graph.skills)} skills, {len(graph.edges())} edges, depth {depth}{units}"


def _listed(names: Any, most: int = 10) -> str:
    return ", ".join(names[:most]) + (f", … {len(names) - most} more" if len(names) > most else "")
