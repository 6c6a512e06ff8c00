"""What a run would do: steps, rows, teacher calls and needs, from the config alone. Starts nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from skillray.config.model import DecomposedGraph, DomainData, RunConfig
from skillray.config.students import StudentConfig
from skillray.curriculum.answers import OwnAnswers, Rewrites, answers_of, asks_teacher
from skillray.curriculum.base import DataSizes, Need
from skillray.domains import DOMAINS
from skillray.evaluation.benchmarks import BENCHMARKS
from skillray.loop.asked import most_tokens
from skillray.loop.chats import chat_notes
from skillray.loop.evaluation_sets import source_of
from skillray.loop.needs import needs_of
from skillray.loop.skill_graph import files_of, read_draft
from skillray.loop.sources import num_rows
from skillray.loop.teacher_check import PARTS, parts_used
from skillray.teacher.tasks import Task

ROLES = ("rollout", "teacher", "train", "embed")
"""Whose tokens are counted, and whose speed can be stated."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the forecast."""

    student: str
    round: int
    verb: str
    rows: str
    """What it reads or makes, as text; 'at most' where it depends on the answers."""
    teacher_calls: int | None = 0
    """About: how many it takes depends on the answers. Known replies cost nothing. None where rows are not known."""
    role: str = ""
    """Of ROLES."""
    tokens: int | None = 0
    """That the role writes or trains on, at most: every answer as long as it may be. None where rows are not known."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    steps: tuple[Step, ...]
    needs: tuple[str, ...]
    """Processors and memory, one line each."""
    problems: tuple[str, ...]
    """Needs that this config does not meet."""
    notes: tuple[str, ...] = ()
    """What may go wrong, and is no fault that can be told beforehand."""

    @property
    def teacher_calls(self) -> int:
        """Without those that are not known."""
        return sum(step.teacher_calls or 0 for step in self.steps)

    def tokens(self, role: str) -> int | None:
        """At most; None where the rows of a step are not known."""
        return _sum(*(step.tokens for step in self.steps if step.role == role))


def forecast(config: RunConfig) -> Forecast:
    sizes = _sizes(config)
    steps = [
        Step(student="(all)", round=0, verb="prepare", rows=_text(sizes)),
        *_graph(config),
        *_labelling(config, sizes),
    ]
    steps += [*_embedding(config, sizes), *_checking(config)]
    known: list[tuple[tuple[Any, ...], Step]] = []
    for student in config.students:
        first = config.starts_alike(student)[0] is student
        steps += [*_evidence(config, student, 0, sizes), *_sets(config, student, -1)] if first else []
        for index in range(student.rounds(config.rounds)):
            study = _study(config, student, index, sizes["pool"])
            made = [
                *_sampling(config, student, index, sizes["pool"]),
                study,
                *_editing(config, student, index),
                _training(config, student, index),
            ]
            steps += [_once(step, _same(config, student, step), known) for step in made]
            steps += _evidence(config, student, index + 1, sizes)
        steps += _sets(config, student, student.rounds(config.rounds) - 1)
    needs, problems = needs_of(config)
    return Forecast(steps=tuple(steps), needs=tuple(needs), problems=tuple(problems), notes=tuple(chat_notes(config)))


def _checking(config: RunConfig) -> list[Step]:
    """What is asked of a language model because the answer is known; much of it a run asks anyway."""
    check = config.teacher_check
    parts = [part for part in parts_used(config) if config.teacher_for(PARTS[part]).type != "domain"]
    if check is None or not parts:
        return []
    calls: Counter[Task] = Counter()
    for part in parts:
        calls[PARTS[part]] += check.samples * (2 if part == "judgement" else 1)
    rows = f"{', '.join(parts)}: {check.samples} of each kind that are known"
    step = Step(student="(all)", round=0, verb="check", rows=rows, role="teacher")
    return [replace(step, teacher_calls=calls.total(), tokens=_written(config, calls))]


def _sizes(config: RunConfig) -> dict[str, int | None]:
    """Rows by split; None where only a download could tell."""
    data = config.data
    if isinstance(data, DomainData):
        skills = len(DOMAINS[data.domain].graph.skills)
        per_skill = {
            "pool": data.pool_per_skill,
            "profile": data.profile_per_skill,
            "held_out": data.held_out_per_skill,
        }
        return {split: count * skills for split, count in per_skill.items()}
    pool, probe = num_rows(data.pool), num_rows(data.probe)
    profile = None if probe is None else data.profile or round(probe * data.profile_share)
    held_out = None if probe is None or profile is None else min(probe - profile, data.max_held_out or probe)
    others = {f"profile-{one.name}": num_rows(one) for one in data.profiles}
    return {"pool": pool, "profile": profile, "held_out": held_out, **others}


def _text(sizes: dict[str, int | None]) -> str:
    return ", ".join(f"{split} {'?' if rows is None else rows}" for split, rows in sizes.items())


def _labelling(config: RunConfig, sizes: dict[str, int | None]) -> list[Step]:
    """The pool twice, for names and for labels (with a graph, which has the names, once), everything else once; the few
    calls that make families are not counted."""
    if config.data.type != "tables" or config.data.labelling is None:
        return []
    calls = _sum(0 if config.graph else sizes["pool"], *sizes.values())
    step = Step(student="(all)", round=0, verb="label", rows="labels of every question", role="teacher")
    if calls is None:
        return [_uncounted(config, step)]
    return [replace(step, teacher_calls=calls, tokens=_written(config, {Task.LABEL_SKILLS: calls}))]


def _uncounted(config: RunConfig, step: Step) -> Step:
    """A step whose calls depend on what is not known yet. An exact teacher writes no tokens."""
    return replace(
        step, teacher_calls=None, tokens=0 if all(teacher.type == "domain" for teacher in config.teachers) else None
    )


def _graph(config: RunConfig) -> list[Step]:
    graph = config.graph
    if graph is None or graph.type != "decompose":
        return []
    rows = f"at most {graph.max_calls} skills taken apart"
    tokens = _written(config, {Task.DECOMPOSE: graph.max_calls})
    return [
        Step(
            student="(all)",
            round=0,
            verb="graph",
            rows=rows,
            teacher_calls=graph.max_calls,
            role="teacher",
            tokens=tokens,
        )
    ]


def _embedding(config: RunConfig, sizes: dict[str, int | None]) -> list[Step]:
    if config.embedding is None or not any(Need.NEIGHBOURS in s.needs for s in config.students):
        return []
    questions = _sum(*(size for split, size in sizes.items() if split != "held_out"))
    rows = "?" if questions is None else f"{questions} questions"
    tokens = None if questions is None else questions * config.embedding.max_length
    return [Step(student="(all)", round=0, verb="embed", rows=rows, role="embed", tokens=tokens)]


def _evidence(config: RunConfig, student: StudentConfig, index: int, sizes: dict[str, int | None]) -> list[Step]:
    """answer and diagnose before round `index`."""
    asking = config.starts_alike(student) if index == 0 else (student,)
    needed = [s.stage(index).curriculum.needs for s in asking]
    gaps = any(Need.GAPS in needs for needs in needed)
    profile = sizes[student.stage(index).profile_split]
    questions = _sum(sizes["held_out"], profile if any(needed) else 0)
    samples = config.rollout.samples
    rows = "?" if questions is None else f"{questions * samples} answers to {questions} questions"
    made = index - 1
    # Answers that somebody recorded are not written again.
    longest = 0 if index == 0 and student.recorded else config.rollout.max_new_tokens
    tokens = None if questions is None else questions * samples * longest
    steps = [Step(student=student.name, round=made, verb="answer", rows=rows, role="rollout", tokens=tokens)]
    if gaps:
        most = config.diagnosis.max_difficult if profile is None else min(config.diagnosis.max_difficult, profile)
        calls = most * config.diagnosis.votes if config.diagnosis.source == "teacher" else 0
        tokens = _written(config, {Task.NAME_MISSING_SKILLS: calls})
        steps.append(
            Step(
                student=student.name,
                round=made,
                verb="diagnose",
                rows=f"at most {most} gaps",
                teacher_calls=calls,
                role="teacher",
                tokens=tokens,
            )
        )
    return steps


def _sets(config: RunConfig, student: StudentConfig, made: int) -> list[Step]:
    """Answers to the evaluation sets, of what round `made` makes; before any training it is -1."""
    steps = []
    for one in config.evaluation.sets:
        assert one.samples is not None and one.sampling is not None, "a run's config fills them in"
        questions = num_rows(source_of(one))
        if questions is None and one.benchmark is not None and one.path == BENCHMARKS[one.benchmark].hub:
            questions = BENCHMARKS[one.benchmark].rows
        rows = f"{one.name}: "
        rows += "?" if questions is None else f"{questions * one.samples} answers to {questions} questions"
        tokens = None if questions is None else questions * one.samples * one.sampling.max_new_tokens
        steps.append(Step(student=student.name, round=made, verb="evaluate", rows=rows, role="rollout", tokens=tokens))
    return steps


def _written(config: RunConfig, calls: dict[Task, int]) -> int:
    """Tokens that a language model writes at most for so many calls; an exact teacher writes none."""
    return sum(count * most_tokens(config.teacher_for(task), task) for task, count in calls.items())


def _study(config: RunConfig, student: StudentConfig, index: int, pool: int | None) -> Step:
    curriculum: Any = student.stage(index).curriculum
    made = curriculum.forecast(_data_sizes(config, pool))
    calls = dict(made.calls)
    if (rewrites := _rewrites(curriculum, pool)) is not None:
        calls[Task.SOLVE] = calls.get(Task.SOLVE, 0) + rewrites
    step = Step(student=student.name, round=index, verb="study", rows=made.text, role="teacher")
    if asks_teacher(curriculum) and not calls:
        return _uncounted(config, step)
    return replace(step, teacher_calls=sum(calls.values()), tokens=_written(config, calls))


def _rewrites(curriculum: Any, pool: int | None) -> int | None:
    """Calls for rewritten answers to drawn pool questions, at most; None where there are none, or nobody can tell."""
    if not isinstance(answers := answers_of(curriculum), Rewrites):
        return None
    drawn = curriculum.num_examples
    if curriculum.writes:
        drawn = round(drawn * curriculum.keep)
    most = [count for count in (drawn, None if pool is None else pool * answers.count) if count is not None]
    return min(most, default=None)


def _sampling(config: RunConfig, student: StudentConfig, index: int, pool: int | None) -> list[Step]:
    """The student's own answers to what is drawn of the pool, or to new questions that are to be within its reach."""
    curriculum: Any = student.stage(index).curriculum
    step, answers = (
        Step(student=student.name, round=index, verb="sample", rows="?", role="rollout"),
        answers_of(curriculum),
    )
    if (reach := curriculum.reach()) is not None:
        count = curriculum.num_examples * reach.samples
        rows = f"{reach.samples} answers to each new question, {count} at least"
        return [
            replace(step, rows=rows, tokens=None)
        ]  # how many are written until enough are within reach, nobody knows
    if not isinstance(answers, OwnAnswers):
        return []
    sizes = [size for size in (curriculum.num_examples, pool) if size is not None]
    if not sizes:
        return [replace(step, tokens=None)]
    count = min(sizes) * answers.samples
    rows = f"at most {count} answers to {min(sizes)} pool questions"
    return [replace(step, rows=rows, tokens=count * config.rollout.max_new_tokens)]


def _same(config: RunConfig, student: StudentConfig, step: Step) -> tuple[Any, ...] | None:
    """What all students have in common that share the work of a step.

    What is written for every skill is asked for in the same words, in whatever order it is studied; a probe is one fit
    for all that start from the same weights with the same examples.
    """
    stages = [student.stage(index) for index in range(step.round + 1)]
    curriculum = stages[-1].curriculum
    if step.verb == "study" and (shared := curriculum.shared_study()) is not None:
        return shared
    if step.verb == "sample" and step.round == 0:
        return "sample", student.model, student.recorded, curriculum
    if step.verb == "probe" and stages[-1].dynamics is not None:
        baseline = stages[-1].dynamics.baseline
        settings = student.training(step.round, config.training).model_copy(update={"epochs": 0, "max_tokens": None})
        start = (student.model, student.recorded, config.prompt_of(student))
        return "probe", *start, *stages[:-1], curriculum, baseline, settings
    return None


def _once(step: Step, same: tuple[Any, ...] | None, known: list[tuple[tuple[Any, ...], Step]]) -> Step:
    """Work that several students share is counted where it comes first."""
    if same is None:
        return step
    if (first := next((first for asked, first in known if asked == same), None)) is None:
        known.append((same, step))
        return step
    return replace(step, rows=f"{step.rows}, those of {first.student}, round {first.round}", teacher_calls=0, tokens=0)


def _data_sizes(config: RunConfig, pool: int | None) -> DataSizes:
    return DataSizes(pool=pool, skills=_num_skills(config), skills_at_most=isinstance(config.graph, DecomposedGraph))


def _num_skills(config: RunConfig) -> int | None:
    """A domain's, or what its graph has or where a topic is taken apart may have; None where only labels tell. Labels
    that are in no graph are not counted."""
    if isinstance(config.data, DomainData):
        return len(DOMAINS[config.data.domain].graph.skills)
    drafts = [read_draft(path) for path in files_of(config.graph).values()]
    read = sum(len(draft.prerequisites) for draft in drafts)
    if isinstance(graph := config.graph, DecomposedGraph):
        by_level = sum(int(graph.breadth**level) for level in range(1, graph.depth + 1))
        return read + 1 + min(by_level, graph.max_calls * graph.breadth)
    return read if drafts else None


def _editing(config: RunConfig, student: StudentConfig, index: int) -> list[Step]:
    """The probe fit and the updates of a stage whose examples are edited, for as many examples as it begins with."""
    curriculum: Any = student.stage(index).curriculum
    dynamics, training = student.stage(index).dynamics, student.training(index, config.training)
    if dynamics is None:
        return []
    examples, steps = curriculum.forecast(_data_sizes(config, None)).examples, list[Step]()
    if dynamics.baseline is not None:
        fit = dynamics.baseline
        most = None if examples is None else fit.epochs * examples * training.max_length
        rows = f"{fit.epochs} epochs, {fit.share:.0%} of the examples spoilt"
        steps.append(Step(student=student.name, round=index, verb="probe", rows=rows, role="train", tokens=most))
    updates = [epoch for epoch in range(1, training.epochs) if dynamics.updates(epoch - dynamics.lag)]
    writing = sum(dynamics.regenerates(epoch - dynamics.lag) for epoch in updates)
    rows = f"{len(updates)} updates, {writing} with new examples: at most {dynamics.cap:.0%} of the set each"
    step = Step(student=student.name, round=index, verb="update", rows=rows, role="teacher")
    if writing and examples is None:
        return [*steps, _uncounted(config, step)]
    new = writing * int(dynamics.cap * (examples or 0))
    calls = {Task.WRITE_QUESTIONS: new, Task.SOLVE: new * curriculum.agreement().solutions}
    return [*steps, replace(step, teacher_calls=sum(calls.values()), tokens=_written(config, calls))]


def _training(config: RunConfig, student: StudentConfig, index: int) -> Step:
    settings = student.training(index, config.training)
    amount = f"{settings.max_tokens} tokens" if settings.max_tokens else f"{settings.epochs} epochs"
    method = ("QLoRA" if settings.lora.quantize else "LoRA") if settings.lora else "full"
    rows = f"{amount}, {method}, ZeRO {settings.zero_stage}, {settings.dtype}, {settings.num_workers} worker(s)"
    examples = student.stage(index).curriculum.forecast(_data_sizes(config, None)).examples
    most = None if examples is None else settings.epochs * examples * settings.max_length
    tokens = settings.max_tokens or most
    return Step(student=student.name, round=index, verb="fine_tune", rows=rows, role="train", tokens=tokens)


def _sum(*parts: int | None) -> int | None:
    return None if None in parts else sum(part for part in parts if part is not None)
