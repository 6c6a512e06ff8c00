"""The questions of a run and its skill graph: generated or read, labelled where nobody did, joined with a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from skillray.config import RunConfig
from skillray.loop.questions import from_domain, from_tables
from skillray.loop.skill_graph import join, lists_asked, longest_list, refuse_long_lists
from skillray.on_ray.graphs import graph_of_run
from skillray.on_ray.labelling import label_questions
from skillray.on_ray.neighbours import Chain
from skillray.protocols import OpenTeacher
from skillray.skills.graph import SkillGraph
from skillray.store.fence import Fence
from skillray.store.layout import RunFolder


def make_questions(
    run: RunFolder,
    config: RunConfig,
    teacher: OpenTeacher,
    chain: Chain,
    fence: Fence,
    tell: Callable[[str], None],
) -> tuple[dict[str, pa.Table], SkillGraph]:
    """Tables by split, and the graph; `tell` is given a line for what a reader must know of them."""

    def given(known: Sequence[str]) -> SkillGraph | None:
        return graph_of_run(run, config, known, teacher, chain, fence, tell) if config.graph else None

    data, graph = config.data, None
    if data.type == "domain":
        tables, labels = from_domain(data, config.seed, tell)
    else:
        tables, labels = from_tables(data, tell, seed=config.seed)
        if data.labelling is not None:
            graph, place = given(()), config.placement.grade
            most = longest_list(config)
            named = label_questions(run, tables, data.labelling, graph, most, teacher, place, chain, fence, tell)
            tables, labels = from_tables(data, named=named, seed=config.seed)
    graph = graph or given(labels.skills)
    if graph is None:
        return tables, labels
    tables, graph, notes = join(graph, tables, labels)
    refuse_long_lists(lists_asked(config, graph), longest_list(config))
    for note in notes:
        tell(note)
    return tables, graph
