"""`skillray teacher check`: how far a teacher can be believed, alone and before anything else is paid."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import pyarrow as pa

from skillray import api
from skillray.config import RunConfig
from skillray.errors import ConfigError
from skillray.evaluation.belief import Figure
from skillray.loop.preflight import preflight
from skillray.loop.questions import from_domain, from_tables
from skillray.loop.skill_graph import join, make_graph
from skillray.loop.teacher_check import BOUNDS, Known, below, made_answers, parts_used
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import graph_from_json
from skillray.store.files import exists, is_url, read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.teacher.settings import TeacherCheck

PARTS_OF = {"wrong_found": "judgement", "right_found": "judgement"}


def check_teacher_of(config: RunConfig, run_dir: str | None) -> int:
    """Print the figures; 0 where every one that the run makes use of reaches its bound, 2 otherwise."""
    run = api.folder_of(config, run_dir)
    preflight(config, run)
    known, graph, source = _known(config, run)
    if not is_url(run.path):
        os.makedirs(run.path, exist_ok=True)
    with writing(run.path, tell=lambda line: print(line, file=sys.stderr)) as fence:
        from skillray.on_ray.environment import no_cluster, prepare

        prepare(config.cluster.address)
        from skillray.on_ray.teacher_check import check_on_ray  # after prepare: ray reads the environment at import

        try:
            figures = check_on_ray(config, known, graph, fence)
        except ConnectionError:
            raise no_cluster(config.cluster.address) from None
    check = config.teacher_check or TeacherCheck()
    used = parts_used(config)
    print(table(figures, check, used))
    print(f"answers judged: {source}")
    wanted = {name: one for name, one in figures.items() if PARTS_OF.get(name, name) in used}
    problems = below(wanted, check)
    for problem in problems:
        print(f"skillray: {problem}", file=sys.stderr)
    return 2 if problems else 0


def table(figures: Mapping[str, Figure], check: TeacherCheck, used: list[str]) -> str:
    """A line for each figure: what was right of how many, with its interval, its bound, and what became of replies."""
    lines = [f"{'measured':<15}{'right':>10}{'share [95% interval]':>26}{'bound':>7}  {'used':<5}replies"]
    for name, (bound, _) in BOUNDS.items():
        found = figures.get(name)
        if found is None or found.share is None:
            lines.append(f"{name:<15}{'nothing is known to measure it by':>36}")
            continue
        low, high = found.interval
        share, right = f"{found.share:.2f} [{low:.2f}, {high:.2f}]", f"{found.hits} of {found.cases}"
        told = ", ".join(f"{count} {outcome}" for outcome, count in found.outcomes.items())
        means = "".join(f"; {word} {value:.2f}" for word, value in found.means.items())
        is_used = "yes" if PARTS_OF.get(name, name) in used else "no"
        lines.append(f"{name:<15}{right:>10}{share:>26}{getattr(check, bound):>7.2f}  {is_used:<5}{told}{means}")
    return "\n".join(lines)


def _known(config: RunConfig, run: RunFolder) -> tuple[Known, SkillGraph, str]:
    """Of the run, where it has begun; else its questions, with right and wrong answers made of reference solutions."""
    if exists(run.graph):
        graph = graph_from_json(read_json(run.graph))
        rows = {split: run.questions(split).read().to_pylist() for split in ("profile", "pool")}
        graded = [run.round(student.name, 0).table("graded") for student in config.students]
        answers = next((one.read().to_pylist() for one in graded if one.complete()), None)
    else:
        tables, graph = _questions(config)
        rows, answers = {split: tables[split].to_pylist() for split in ("profile", "pool")}, None
    if answers is not None:
        return Known(answers=answers, **rows), graph, "the student's, of round 0"
    made = made_answers(rows["profile"], config.seed)
    return Known(answers=made, **rows), graph, "reference solutions, and the same with another question's final answer"


def _questions(config: RunConfig) -> tuple[dict[str, pa.Table], SkillGraph]:
    if config.prepare_asks:
        raise ConfigError("the teacher makes the labels or the graph of this run: start it first, then check with it")
    tables, graph = from_domain(config.data, config.seed) if config.data.type == "domain" else from_tables(config.data)
    if config.graph is None:
        return tables, graph
    tables, graph, _ = join(make_graph(config, graph.skills, None, None)[0], tables, graph)
    return tables, graph
