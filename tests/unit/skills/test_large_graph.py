"""As many skills as DSA's largest graph (4,907, arXiv 2412.19361, Table 1 as reviewers quote it), and circles in it."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from skillray.skills.draft import Draft, Likeness, build_graph
from skillray.skills.graph_json import draft_from_text, graph_json
from skillray.skills.syllabus import from_markdown

NUM = 5_000
SECONDS = 10.0
"""Of CPU, so that other work is not counted. It takes 1 s or so; what is quadratic in Python takes minutes."""


def draft() -> Draft:
    """A tree of ten parts each, further edges between neighbours, and 50 circles of two."""
    needs = {n: [c for c in range(10 * n + 1, 10 * n + 11) if c < NUM] for n in range(NUM)}
    for n in range(20, NUM - 1, 97):
        needs[n].append(n + 1)
        needs[n + 1].append(n)
    return Draft("large", {name(n): tuple(map(name, some)) for n, some in needs.items()}, {name(7): "seven"})


def name(n: int) -> str:
    return f"skill_{n}_of_a_large_graph"


@pytest.fixture
def in_time():
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def test_it_is_built_condensed_ordered_and_written(in_time) -> None:
    graph, notes = build_graph([draft()])
    assert len(graph.members) == 52 and len(graph.skills) == NUM - 52 and notes
    order = {skill: place for place, skill in enumerate(graph.order())}
    assert all(order[need] < order[skill] for need, skill in graph.edges())
    again, _ = build_graph([draft_from_text(json.dumps(graph_json(graph)), "again")])
    assert again == graph


def test_a_chain_of_so_many_is_no_deeper_than_python(in_time) -> None:
    chain = {name(n): (name(n + 1),) if n + 1 < NUM else () for n in range(NUM)}
    graph, _ = build_graph([Draft("chain", chain)])
    assert max(graph.depth().values()) == NUM - 1
    ring, notes = build_graph([Draft("ring", chain | {name(NUM - 1): (name(0),)})])
    assert len(ring.skills) == 1 and len(ring.members[ring.skills[0]]) == NUM and len(notes) == 1


def test_a_syllabus_of_so_many(in_time) -> None:
    lines = [
        f"{'  ' * (n % 5)}- Skill {n}: what it is{' (requires: skill 0)' if n % 7 == 6 else ''}" for n in range(NUM)
    ]
    graph, _ = build_graph([from_markdown("# All\n" + "\n".join(lines), "s.md")])
    assert len(graph.skills) == NUM + 1 and len(graph.descriptions) == NUM


def test_embeddings_of_so_many(in_time) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((NUM, 256)).astype(np.float32)
    vectors[NUM // 2 :] = vectors[: NUM // 2] + 0.01 * vectors[NUM // 2 :]  # each of the second half is like one
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    flat = Draft("flat", {name(n): () for n in range(NUM)})
    graph, _ = build_graph([flat], likeness=Likeness(lambda texts: vectors, 0.95))
    assert len(graph.skills) == NUM // 2 == len(graph.aliases)
