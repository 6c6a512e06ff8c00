"""What a run asks of its cluster: processors and memory for every stage, and what of it is seen to be missing."""

from __future__ import annotations

import os

from skillray.config.model import Placement, RunConfig
from skillray.curriculum.base import Need
from skillray.loop.memory import WEIGHTS, adapter_parameters, size_of, training_memory
from skillray.loop.prm import NEURAL
from skillray.teacher.settings import (
    OpenAITeacherConfig,
    ServeTeacherConfig,
    TeacherConfig,
    VllmTeacherConfig,
    workers_of,
)

GIB = 2**30
GPUS = "/proc/driver/nvidia/gpus"
"""Where the driver lists this machine's."""


def needs_of(config: RunConfig) -> tuple[list[str], list[str]]:
    """Lines for a reader: what is asked, and what is not there."""
    return [*_workers(config), *_training(config), *_serving(config)], [*_cpus(config), *_gpus(config)]


def _workers(config: RunConfig) -> list[str]:
    place = config.placement
    lines = [
        f"roll_out ({config.rollout.engine}): up to {place.rollout.max_workers} x ({_ask(place.rollout)})",
        f"grade: up to {place.grade.max_workers} x ({_ask(place.grade)})",
        f"fine_tune: up to {place.train.max_workers} at once x {config.training.num_workers} x ({_ask(place.train)})",
        *_teachers(config),
    ]
    if isinstance(config.grading.scorer, NEURAL):
        lines.append(f"prm: up to {place.prm.max_workers} x ({_ask(place.prm)})")
    if any(Need.NEIGHBOURS in student.needs for student in config.students):
        lines.append(f"embed: up to {place.embed.max_workers} x ({_ask(place.embed)})")
    return lines


def _teachers(config: RunConfig) -> list[str]:
    ask = _ask(config.placement.teacher)
    others = [f"teacher of {', '.join(one.tasks)}: {_teacher(one.teacher, ask)}" for one in config.teacher_by_task]
    return [f"teacher: {_teacher(config.teacher, ask)}", *others]


def _teacher(teacher: TeacherConfig, ask: str) -> str:
    match teacher:
        case VllmTeacherConfig():
            most = max(teacher.replicas, teacher.max_replicas or 0)
            engines = f"{teacher.replicas}" if most == teacher.replicas else f"{teacher.replicas} to {most}"
            return f"{engines} engine(s) x {teacher.tensor_parallel_size} x ({ask})"
        case OpenAITeacherConfig():
            return f"{teacher.model} at {teacher.url}, called from {teacher.replicas} x ({ask})"
        case ServeTeacherConfig():
            return f"{teacher.model} of the Serve app {teacher.app}, called from {teacher.replicas} x ({ask})"
        case _:
            return f"{teacher.replicas} x ({ask})"


def _training(config: RunConfig) -> list[str]:
    """Each worker's memory for each model that is trained."""
    settings, lines = config.training, []
    for model in sorted({student.model for student in config.students}):
        size = size_of(model)
        if size is None:
            lines.append(f"fine_tune {model}: memory unknown (it is not on this disk, and its name has no size)")
            continue
        found = training_memory(size, settings)
        parts = ("weights", "gradients", "optimizer")
        shares = ", ".join(f"{part} {_size(getattr(found, part))}" for part in parts)
        unknown = settings.lora is not None and not adapter_parameters(size, settings)
        lines.append(
            f"fine_tune {model}: {size.parameters / 1e6:,.2f}M parameters{'' if size.shapes else ' by its name'}; "
            f"{_size(found.total)} a worker ({shares}){', adapters not counted' if unknown else ''}, and activations"
        )
    return lines


def _serving(config: RunConfig) -> list[str]:
    """Weights of the models that only answer; the cache of keys and values comes on top."""
    place = config.placement
    scorer = config.grading.scorer
    found: set[tuple[str, str, str]] = {
        ("roll_out", student.model, config.rollout.dtype) for student in config.students
    }
    if isinstance(scorer, NEURAL):
        found.add(("prm", scorer.model, scorer.dtype))
    if config.embedding is not None:
        found.add(("embed", config.embedding.model, _dtype(place.embed)))
    found |= {("teacher", one.model, "bf16") for one in config.teachers if isinstance(one, VllmTeacherConfig)}
    lines = []
    for stage, model, dtype in sorted(found):
        size = size_of(model)
        weights = "unknown" if size is None else _size(size.parameters * WEIGHTS[dtype])
        lines.append(f"{stage} {model}: weights {weights} in {dtype}")
    return lines


def _cpus(config: RunConfig) -> list[str]:
    train = config.placement.train
    asked = train.max_workers * config.training.num_workers * train.num_cpus + 4
    if config.cluster.address != "local" or asked <= config.cluster.num_cpus:
        return []
    return [f"fine_tune can ask for {asked:.0f} logical CPUs, cluster.num_cpus is {config.cluster.num_cpus}"]


def least_gpus(config: RunConfig) -> float:
    """Without which the run waits for ever: the teacher's, beside one chain of answering or one worker group."""
    place = config.placement
    teacher = sum(map(workers_of, config.teachers)) * place.teacher.num_gpus
    prm = place.prm.num_gpus if isinstance(config.grading.scorer, NEURAL) else 0.0
    answering = place.rollout.num_gpus + place.grade.num_gpus + prm
    training = config.training.num_workers * place.train.num_gpus
    return float(teacher + max(answering, training, place.embed.num_gpus))


def most_asked(config: RunConfig) -> tuple[float, float]:
    """CPUs and GPUs of all roles at once, each as large as it may get."""
    place = config.placement
    roles = (
        (place.rollout, place.rollout.max_workers),
        (place.grade, place.grade.max_workers),
        (place.train, place.train.max_workers * config.training.num_workers),
        (place.teacher, sum(workers_of(teacher, most=True) for teacher in config.teachers)),
        (place.prm, place.prm.max_workers if isinstance(config.grading.scorer, NEURAL) else 0),
    )
    cpus, gpus = (sum(getattr(role, name) * count for role, count in roles) for name in ("num_cpus", "num_gpus"))
    return cpus, gpus


def _gpus(config: RunConfig) -> list[str]:
    least = least_gpus(config)
    if not least or config.cluster.address != "local":
        return []  # what another cluster has is seen when it is joined
    here = len(os.listdir(GPUS)) if os.path.isdir(GPUS) else 0
    if here >= least:
        return []
    return [f"at least {least:g} GPUs are needed at once, this machine has {here}; set cluster.address or placement"]


def _dtype(placement: Placement) -> str:
    return "bf16" if placement.num_gpus else "fp32"


def _ask(placement: Placement) -> str:
    parts = [f"{placement.num_cpus:g} CPU"]
    if placement.num_gpus:
        kind = f" {placement.accelerator_type}" if placement.accelerator_type else ""
        parts.append(f"{placement.num_gpus:g} GPU{kind}")
    return ", ".join(parts)


def _size(count: float) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.1f} MiB"
