"""The skill graph that a config asks for: read, made by a teacher, or both; and joined with the run's questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from skillray.config import RunConfig, parse_yaml
from skillray.config.model import AnyGraph, DecomposedGraph, GraphFile
from skillray.curriculum.base import Need
from skillray.domains import DOMAINS
from skillray.domains.base import Domain
from skillray.errors import ConfigError, DataError, StorageError
from skillray.protocols import OpenTeacher
from skillray.skills.draft import Draft, Embed, Likeness, build_graph
from skillray.skills.graph import SkillGraph, bare
from skillray.skills.graph_json import draft_from_text
from skillray.skills.names import key
from skillray.skills.syllabus import from_markdown, from_plain
from skillray.store.files import read_bytes
from skillray.teacher.decompose import Limits, decompose
from skillray.teacher.tasks import Task

MAX_BYTES = 64 * 2**20
"""Of a file; a graph of 5,000 described skills has 2 MB."""
MAX_LIST = 80_000
"""Characters of names that a prompt of a language model takes."""
LEAST_CHARACTERS = 3
"""Of a token; names with underscores have few."""
FEW = 5
"""Skills named in a message."""
Tables = Mapping[str, pa.Table]


def read_draft(path: str) -> Draft:
    """A graph (.json) or a syllabus (.md, .yaml), by the file's name; its cycles are still in it.

    Raises:
        DataError: one line with file, place and rule.
    """
    if path.endswith(".json"):
        return draft_from_text(_text(path), path)
    if path.endswith((".md", ".markdown")):
        return from_markdown(_text(path), path)
    if path.endswith((".yaml", ".yml")):
        try:
            return from_plain(parse_yaml(_text(path)), path)
        except ConfigError as error:
            raise DataError(f"{path}: {error}") from None
    raise DataError(f"{path}: its name must end in .json (a graph), or .md or .yaml (a syllabus)")


def _text(path: str) -> str:
    try:
        data = read_bytes(path)
    except (OSError, StorageError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        raise DataError(f"{path}: {reason}; give a file") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path}: is larger than {MAX_BYTES // 2**20} MiB; cut it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def files_of(graph: AnyGraph | None) -> dict[str, str]:
    """Field -> the file that it names."""
    if graph is None:
        return {}
    if isinstance(graph, DecomposedGraph):
        return {"graph.syllabus": graph.syllabus} if graph.syllabus else {}
    return {"graph.path": graph.path}


def make_graph(
    config: RunConfig, known: Sequence[str], teacher: OpenTeacher | None, embed: Embed | None
) -> tuple[SkillGraph, list[str]]:
    """What `config.graph` says, and notes on how it was made. `known`: the skills that the questions have already.

    A topic is only taken apart where there is a `teacher`, and skills only compared where there is an `embed`.
    """
    settings = config.graph
    assert settings is not None, "the caller asked"
    domain = DOMAINS[config.data.domain] if config.data.type == "domain" else None
    drafts, notes = [read_draft(path) for path in files_of(settings).values()], list[str]()
    if isinstance(settings, DecomposedGraph) and teacher is not None:
        names = dict.fromkeys([*known, *(skill for draft in drafts for skill in draft.prerequisites)])
        limits = Limits(settings.depth, settings.breadth, settings.max_calls)
        draft, notes = decompose(settings.topic, limits, teacher(), list(names))
        drafts.append(draft)
    like = None if embed is None or isinstance(settings, GraphFile) else Likeness(embed, settings.min_cosine)
    graph, told = build_graph(drafts, [*known, *([domain.name] if domain else [])], like)
    return (for_domain(graph, domain) if domain else graph), notes + told


def for_domain(graph: SkillGraph, domain: Domain) -> SkillGraph:
    """Without the domain's own name, which is all of its skills. `DataError` for what the domain cannot teach."""
    if rings := [unit for unit in graph.members if unit in graph.prerequisites]:
        raise DataError(
            f"graph: {', '.join(graph.members[rings[0]])} need each other, and {domain.name} teaches one skill at a "
            "time; remove one of their prerequisites"
        )
    can = set(domain.skills_of())
    if unknown := [skill for skill in graph.skills if skill not in can and skill != domain.name]:
        raise DataError(
            f"graph: {_few(unknown)}: {domain.name} cannot teach {len(unknown)} of its {len(graph.skills)} skills; "
            f"remove them. It has {', '.join(domain.skills_of())}"
        )
    needs = {
        skill: tuple(need for need in some if need in can)
        for skill, some in graph.prerequisites.items()
        if skill in can
    }
    return replace(graph, prerequisites=needs)


def join(graph: SkillGraph, tables: Tables, labels: SkillGraph) -> tuple[dict[str, pa.Table], SkillGraph, list[str]]:
    """The questions with their skills named as in `graph`, the graph with the skills that only questions have, notes.

    `labels`: the skills of the questions. A label that is a member of a unit becomes the unit.
    """
    names = names_in(graph)
    named = {label: label if label in graph.prerequisites else names.get(key(label), label) for label in labels.skills}
    alone = [label for label, skill in named.items() if skill not in graph.prerequisites]
    subjects = {**_subjects(graph, labels), **{skill: labels.subjects.get(label, "") for label, skill in named.items()}}
    whole = replace(
        graph,
        prerequisites={**graph.prerequisites, **dict.fromkeys(alone, ())},
        subjects={skill: subject for skill, subject in subjects.items() if subject},
    )
    changed = {label: skill for label, skill in named.items() if label != skill}
    nowhere = [skill for skill in whole.skills if skill not in whole.subjects] if labels.subjects else []
    told = {
        "skills of the questions are not in it, so nothing is known of their prerequisites": alone,
        "skills are named after no subject of the questions, so that no question can miss them": nowhere,
        "labels of questions are other names of its skills": list(changed),
    }
    notes = [f"graph: {len(some)} {what} ({_few(some)})" for what, some in told.items() if some]
    renamed = {split: _renamed(table, changed) if changed else table for split, table in tables.items()}
    return renamed, whole, notes


def names_in(graph: SkillGraph) -> dict[str, str]:
    """Every name that a skill of `graph` has or had, as a key -> the skill. Members stand for their unit."""
    found: dict[str, str] = {}
    for skill in graph.skills:
        for name in (skill, *graph.members.get(skill, ())):
            for one in (name, *graph.aliases.get(name, ())):
                found.setdefault(key(one), skill)
    return found


def vocabulary(graph: SkillGraph, subjects: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Subject -> what its questions may be labelled with: all skills, or with several subjects those named after it."""
    wanted = sorted(set(subjects))
    if len([subject for subject in wanted if subject]) < 2:
        return dict.fromkeys(wanted, graph.skills)
    of = _subjects(graph, SkillGraph({}, {subject: subject for subject in wanted}))
    return {
        subject: tuple(bare(skill, skill.partition("/")[0]) for skill in graph.skills if of.get(skill) == subject)
        for subject in wanted
    }


def lists_asked(config: RunConfig, graph: SkillGraph) -> dict[str, tuple[str, ...]]:
    """Subject -> the skills among which a language model will look for what an answer misses; empty where none will."""
    gaps = config.diagnosis.source == "teacher" and any(Need.GAPS in student.needs for student in config.students)
    if config.teacher_for(Task.NAME_MISSING_SKILLS).type == "domain" or not gaps:
        return {}
    return {subject: graph.allowed(subject) for subject in sorted(set(graph.subjects.values())) or [""]}


def longest_list(config: RunConfig) -> int:
    """Characters: half of a context that the config names is for other words."""
    rooms = [teacher.max_model_len for teacher in config.teachers if teacher.type == "vllm"]
    room = min((room for room in rooms if room is not None), default=None)
    return MAX_LIST if room is None else min(MAX_LIST, room * LEAST_CHARACTERS // 2)


def by_prefix(graph: SkillGraph) -> dict[str, list[str]]:
    """Subject, as the graph says or skills SUBJECT/SKILL are named -> its skills: as many as a prompt will have, where
    the questions have these subjects.
    """
    found: dict[str, list[str]] = {}
    for skill in graph.skills:
        prefix = skill.partition("/")[0] if "/" in skill else ""
        found.setdefault(graph.subjects.get(skill, prefix), []).append(skill)
    return found


def refuse_long_lists(lists: Mapping[str, Sequence[str]], most: int) -> None:
    """`DataError` where the names of a subject are more than `most` characters."""
    for names in lists.values():
        if (length := sum(len(name) + 3 for name in names)) > most:
            raise DataError(
                f"graph: its {len(names)} names are {length} characters, and a teacher's prompt takes {most}; give "
                "data.labels and diagnosis.source 'labels', a smaller graph, or a longer teacher.max_model_len"
            )


def _subjects(graph: SkillGraph, labels: SkillGraph) -> dict[str, str]:
    """As the graph says, or as a skill SUBJECT/SKILL is named."""
    known = {key(subject): subject for subject in labels.subjects.values()}
    prefixes = {skill: key(skill.partition("/")[0]) for skill in graph.skills if "/" in skill}
    return {skill: known[prefix] for skill, prefix in prefixes.items() if prefix in known} | dict(graph.subjects)


def _renamed(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    rows = [list(dict.fromkeys(names.get(skill, skill) for skill in row)) for row in table["skills"].to_pylist()]
    place = table.column_names.index("skills")
    return table.set_column(place, table.field("skills"), pa.array(rows, table.schema.field("skills").type))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (", …" if len(names) > FEW else "")
