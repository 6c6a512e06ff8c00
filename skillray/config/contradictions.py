"""Fields that are right alone and wrong together. Each rule is one line for the user: both fields, and a way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from skillray.curriculum.answers import answers_of, asks_teacher
from skillray.curriculum.base import Curriculum, Need
from skillray.curriculum.dynamics import Dynamics
from skillray.domains import DOMAINS
from skillray.grading.steps import ConsistencyStep
from skillray.skills.names import written
from skillray.teacher.tasks import Task

if TYPE_CHECKING:  # the model asks here, so it cannot be imported
    from skillray.config.model import Placement, RunConfig, TableData
    from skillray.teacher.settings import Budget, TeacherConfig
    from skillray.training.settings import TrainingSettings


OWN = frozenset({"held_out", "difficult", "mean"})
"""Columns of the table of sets that every run has."""


def contradictions(config: RunConfig) -> Iterator[str]:
    """Every pair of fields that cannot both be meant, the first one first."""
    yield from _recorded(config)
    yield from _evaluation(config)
    yield from _grading(config)
    if config.data.type == "tables":
        yield from _tables(config, config.data)
    if config.data.replay is not None and not _of_curricula(
        config, lambda curriculum: getattr(curriculum, "replay", 0) > 0
    ):
        yield "data.replay: no student replays text; give a `textbooks` curriculum a `replay` above 0, or leave it out"
    looking = _of_curricula(config, lambda curriculum: Need.NEIGHBOURS in curriculum.needs)
    if looking and config.embedding is None:
        yield (
            f"student {looking[0][0]!r}: curriculum {looking[0][1]!r} looks for similar questions; set "
            "embedding.model, a Hugging Face id or folder"
        )
    yield from _profiles(config)
    yield from _answers(config)
    yield from _graph(config)
    yield from _training(config)
    yield from _dynamics(config)
    yield from _teachers(config)
    by_domain = config.teacher_for(Task.NAME_MISSING_SKILLS).type == "domain"
    if config.diagnosis.votes > 1 and (by_domain or config.diagnosis.source == "labels"):
        who = "labels say" if config.diagnosis.source == "labels" else "a domain teacher says"
        yield f"diagnosis.votes is {config.diagnosis.votes}: {who} the same every time; set it to 1"
    if config.diagnosis.judged_correct == "named_skills" and config.diagnosis.source == "labels":
        yield "diagnosis.judged_correct is 'named_skills': labels judge no answer; leave it out, or source 'teacher'"
    address = config.cluster.address
    if address not in ("local", "auto") and ":" not in address:
        yield f"cluster.address must be 'local', 'auto' or HOST:PORT; got {address!r}"
    for role in ("rollout", "grade", "embed", "train", "teacher", "prm"):
        yield from _placement(f"placement.{role}", getattr(config.placement, role))


def _of_curricula(config: RunConfig, which: Callable[[Curriculum], bool]) -> list[tuple[str, str]]:
    """(student, type) of those that `which` picks."""
    return [(student.name, one.type) for student in config.students for one in student.curricula if which(one)]


def _edited(config: RunConfig) -> list[tuple[str, Dynamics]]:
    """(where, dynamics) of every stage whose examples are edited."""
    stages = [(student, index, stage) for student in config.students for index, stage in enumerate(student.stages)]
    return [
        (f"student {student.name!r}: stages.{index}.dynamics", stage.dynamics)
        for student, index, stage in stages
        if stage.dynamics is not None
    ]


def _recorded(config: RunConfig) -> Iterator[str]:
    if config.rollout.recorded is None:
        return
    if config.data.type == "domain":
        yield "rollout.recorded: recorded answers are to the questions of data.probe; set data.type to 'tables'"
    if not any(student.recorded for student in config.students):
        yield "rollout.recorded: no student uses it; give a student `recorded`, the name it has in that file"


def _evaluation(config: RunConfig) -> Iterator[str]:
    names = [one.name for one in config.evaluation.sets]
    if twice := [name for name in names if names.count(name) > 1]:
        yield f"evaluation.sets: two are called {twice[0]!r}; give one of them another `name`"
    if OWN & set(names):
        yield f"evaluation.sets: {min(OWN & set(names))!r} is a column of the table already; take another `name`"
    students = {student.name for student in config.students}
    for place, contrast in enumerate(config.evaluation.contrasts):
        for name in (contrast.arm, contrast.control):
            if name not in students:
                names_known = ", ".join(sorted(students))
                yield f"evaluation.contrasts.{place}: there is no student {name!r}; there are {names_known}"
        if contrast.arm == contrast.control:
            yield f"evaluation.contrasts.{place}: {contrast.arm!r} cannot be compared with itself; name two students"
    pairs = [frozenset((contrast.arm, contrast.control)) for contrast in config.evaluation.contrasts]
    if again := [pair for pair in pairs if pairs.count(pair) > 1]:
        yield f"evaluation.contrasts: {' and '.join(sorted(again[0]))} stand there twice; every pair counts once"


def _grading(config: RunConfig) -> Iterator[str]:
    scorer, samples = config.grading.scorer, config.rollout.samples
    if isinstance(scorer, ConsistencyStep) and samples < (votes := max(2, scorer.min_votes)):
        yield (
            f"grading.scorer 'consistency' compares the samples of a question, and rollout.samples is {samples}: at "
            f"min_votes {scorer.min_votes} it would tell none from another; set rollout.samples to {votes} or more, "
            "with a temperature above 0 (STAT: 5), or use 'outcome'"
        )


def _tables(config: RunConfig, data: TableData) -> Iterator[str]:
    if data.profile is not None and "profile_share" in data.model_fields_set and data.profile_share != 0.5:
        yield "data.profile and data.profile_share: both say how many questions are the profile; leave one out"
    if data.pool == data.probe:
        yield f"data.pool and data.probe are both {data.pool.path}: no question would be left to train on"
    if data.labelling is not None and data.labels is not None:
        yield "data.labelling and data.labels: the teacher labels questions that have none; leave one of the two out"
    if data.labelling is not None and _is_domain(config, Task.LABEL_SKILLS):
        yield (
            "data.labelling: a domain teacher knows only its own questions; set teacher.type to 'vllm', 'serve' or "
            "'openai', or give data.labels"
        )
    if config.diagnosis.source == "teacher" and _is_domain(config, Task.NAME_MISSING_SKILLS):
        yield (
            "diagnosis.source must be 'labels': a domain teacher knows only its own questions; or set teacher.type to "
            "'vllm', 'serve' or 'openai'"
        )
    if not _is_domain(config, Task.WRITE_QUESTIONS, Task.SOLVE, Task.WRITE_EXERCISES, Task.WRITE_TEXTBOOK):
        return
    if writing := _of_curricula(config, asks_teacher):
        yield (
            f"student {writing[0][0]!r}: curriculum {writing[0][1]!r} has a teacher write, and a domain "
            "teacher knows only its own questions; use 'stat-sel', 'hard' or 'uniform', or a teacher.type of 'vllm', "
            "'serve' or 'openai'"
        )
    if editing := [name for name, stage in _edited(config) if stage.writes]:
        yield (
            f"{editing[0]}.actions has a teacher write, and a domain teacher knows only its own questions; leave out "
            "'augment_hard' and 'compose_easy', or set teacher.type to 'vllm', 'serve' or 'openai'"
        )


def _answers(config: RunConfig) -> Iterator[str]:
    for student in config.students:
        for where, curriculum in student.named_curricula():
            answers = answers_of(curriculum)
            if answers.source != "human" and getattr(curriculum, "keep", 1.0) == 0.0 and curriculum.writes:
                yield (
                    f"student {student.name!r}: {where}.answers is {answers.source!r}, and nothing is drawn of the "
                    f"pool; set {where}.keep above 0, or leave answers out"
                )


def _profiles(config: RunConfig) -> Iterator[str]:
    names = [source.name for source in config.data.profiles] if config.data.type == "tables" else []
    if twice := [name for name in names if names.count(name) > 1]:
        yield f"data.profiles: two are called {twice[0]!r}; give each a name of its own"
    for student in config.students:
        for index, stage in enumerate(student.stages):
            where = f"student {student.name!r}: stages.{index}.profile"
            if stage.profile is None:
                continue
            if stage.profile not in names:
                known = f"it has {', '.join(names)}" if names else "it has none"
                yield f"{where} is {stage.profile!r}, and that is none of data.profiles; {known}"
            if index == 0:
                yield f"{where}: the first round looks at data.probe, as all students do; set it on a later stage"
            if not stage.curriculum.needs:
                yield f"{where}: curriculum {stage.curriculum.type!r} looks at no evidence; leave it out"


def _dynamics(config: RunConfig) -> Iterator[str]:
    for student in config.students:
        for index, stage in enumerate(student.stages):
            training, dynamics = student.training(index, config.training), stage.dynamics
            if dynamics is None:
                continue
            where = f"student {student.name!r}: stages.{index}"
            if training.max_tokens is not None:
                yield f"{where}.dynamics edits between epochs, and training.max_tokens ignores them; leave it out"
            if dynamics.baseline is not None and not stage.curriculum.has_answers:
                yield (
                    f"{where}.dynamics.baseline: passages give no answers that could be made wrong; set it null, and "
                    "actions without 'drop_error'"
                )
            if training.epochs <= dynamics.first + dynamics.lag:
                yield (
                    f"{where}.dynamics.first is {dynamics.first}{' with lag 1' if dynamics.lag else ''}, and the stage "
                    f"has {training.epochs} epochs: no update would come; raise stages.{index}.training.epochs"
                )


def _is_domain(config: RunConfig, *tasks: Task) -> bool:
    """Whether an exact teacher does one of the tasks."""
    return any(config.teacher_for(task).type == "domain" for task in tasks)


def _teachers(config: RunConfig) -> Iterator[str]:
    named = [task for other in config.teacher_by_task for task in other.tasks]
    if twice := [task for task in named if named.count(task) > 1]:
        yield f"teacher_by_task: {twice[0]} stands twice; give each task to one teacher"
    yield from _teacher(config, config.teacher, config.budget, "")
    for place, other in enumerate(config.teacher_by_task):
        yield from _teacher(config, other.teacher, other.budget, f"teacher_by_task.{place}.")


def _teacher(config: RunConfig, teacher: TeacherConfig, budget: Budget, where: str) -> Iterator[str]:
    if teacher.type == "domain":
        if budget.max_usd is not None or budget.max_tokens is not None:
            yield f"{where}budget: a domain teacher costs neither money nor tokens; leave out max_usd and max_tokens"
    elif budget.max_usd is not None and teacher.price is None:
        yield f"{where}budget.max_usd needs {where}teacher.price: prompt and completion, in USD for a million tokens"
    if teacher.type == "openai" and teacher.api_key_env in config.placement.teacher.runtime_env.get("env_vars", {}):
        yield (
            f"placement.teacher.runtime_env.env_vars.{teacher.api_key_env}: a key in a config gets into logs and the "
            "run folder; set it in the environment of the node, or give teacher.api_key_file"
        )
    if teacher.type == "vllm" and (teacher.max_replicas or 0) > teacher.replicas:
        room = teacher.calls_per_replica * teacher.replicas
        if teacher.concurrency * teacher.shards <= room:
            yield (
                f"{where}teacher.max_replicas would never be reached: {teacher.replicas} of them take {room} calls at "
                f"once; raise {where}teacher.concurrency above {room}"
            )
    on_gpu = config.placement.teacher.num_gpus
    if teacher.type == "vllm" and 0 < on_gpu < 1 < teacher.tensor_parallel_size:
        yield (
            f"{where}teacher.tensor_parallel_size needs whole GPUs; placement.teacher.num_gpus is {on_gpu:g}, set "
            "it to 1"
        )
    if teacher.type == "vllm" and on_gpu > 1:
        yield (
            f"placement.teacher.num_gpus is of one worker of an engine, so 1 at most; got {on_gpu:g}: set "
            f"{where}teacher.tensor_parallel_size instead"
        )


def _graph(config: RunConfig) -> Iterator[str]:
    graph, teacher = config.graph, config.teacher_for(Task.DECOMPOSE)
    if graph is None or graph.type != "decompose":
        return
    if not written(graph.topic):
        yield f"graph.topic must have letters or digits; got {graph.topic!r}"
    if teacher.type == "domain" and DOMAINS[teacher.domain].builds_on(written(graph.topic)) is None:
        yield (
            f"graph.topic: a domain teacher takes apart only its own skills, and {teacher.domain!r} as a whole; got "
            f"{graph.topic!r}: use one of them, or a teacher.type of 'vllm', 'serve' or 'openai'"
        )


def _training(config: RunConfig) -> Iterator[str]:
    training, on_gpu = config.training, config.placement.train.num_gpus > 0
    offload = training.offload
    if (offload.optimizer or offload.parameters) and not on_gpu:
        yield "training.offload: there is nothing to offload from a CPU; set it to false, or placement.train.num_gpus"
    if offload.parameters and training.zero_stage != 3:
        yield f"training.offload.parameters needs training.zero_stage 3, not {training.zero_stage}"
    if offload.optimizer and training.zero_stage == 0:
        yield "training.offload.optimizer needs training.zero_stage 1, 2 or 3, not 0"
    if training.attention == "flash_attention_2" and not on_gpu:
        yield "training.attention 'flash_attention_2' needs a GPU; use 'sdpa', or set placement.train.num_gpus"
    yield from _steps("training", training)
    for student in config.students:
        for index, stage in enumerate(student.stages):
            yield from _steps(f"student {student.name!r}: stages.{index}.training", stage.training.over(training))
    if not all(0.0 <= beta < 1.0 for beta in training.betas):
        yield f"training.betas: each must be at least 0 and below 1; got {list(training.betas)}"
    yield from _adapters(training)


def _adapters(training: TrainingSettings) -> Iterator[str]:
    if training.lora is not None and training.lora.quantize and training.zero_stage == 3:
        yield (
            "training.lora.quantize: ZeRO 3 cannot partition weights of 4 bits; set training.zero_stage to 0, 1 or 2, "
            "or quantize to null"
        )
    if training.lora is not None and not training.lora.target_modules:
        yield "training.lora.target_modules: must name a module, or nothing is trained; leave it out for the usual ones"


def _steps(where: str, training: TrainingSettings) -> Iterator[str]:
    if training.kl_to_start and training.lora is None:
        yield f"{where}.kl_to_start needs training.lora, whose base is the start model; set it, or kl_to_start to 0"
    if training.kl_to_start and training.zero_stage == 3:
        yield f"{where}.kl_to_start needs training.zero_stage 0, 1 or 2, not 3; lower it, or set kl_to_start to 0"
    if training.micro_batch_size > training.batch_size:
        yield (
            f"{where}.micro_batch_size is {training.micro_batch_size}, {where.split()[-1]}.batch_size "
            f"{training.batch_size}: a part of a step cannot have more examples than the step; lower micro_batch_size"
        )
    if training.num_workers > training.batch_size:
        yield (
            f"training.num_workers is {training.num_workers}, {where}.batch_size {training.batch_size}: some workers "
            "would have no example of any step; lower num_workers"
        )


def _placement(where: str, placement: Placement) -> Iterator[str]:
    if placement.accelerator_type is not None and not placement.num_gpus:
        yield f"{where}.accelerator_type is {placement.accelerator_type!r}, and {where}.num_gpus 0; set num_gpus"
    if placement.num_gpus > 1 and not float(placement.num_gpus).is_integer():
        yield f"{where}.num_gpus: more than one GPU must be a whole number; got {placement.num_gpus:g}"
