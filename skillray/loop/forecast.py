"""What a run would do: steps, rows, teacher calls and needs, from the config alone. Starts nothing."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

from skillray.config.model import DomainData, RunConfig, StudentConfig
from skillray.curriculum.base import Need
from skillray.domains import DOMAINS
from skillray.loop.sources import num_rows
from skillray.training.checkpoint import resolve_model

BYTES_PER_PARAMETER = {"fp32": 16, "bf16": 18}
"""Full fine-tuning with AdamW: weights, gradients and two moments in fp32; bf16 adds its own weights and gradients and
keeps an fp32 master copy (ZeRO, arXiv 1910.02054, section 3.1, with fp32 gradients not kept)."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the forecast."""

    student: str
    round: int
    verb: str
    rows: str
    """What it reads or makes, as text; 'at most' where it depends on the answers."""
    teacher_calls: int = 0
    """About: how many it takes depends on the answers. Known replies cost nothing."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    steps: tuple[Step, ...]
    needs: tuple[str, ...]
    """Processors and memory, one line each."""
    problems: tuple[str, ...]
    """Needs that this config does not meet."""

    @property
    def teacher_calls(self) -> int:
        return sum(step.teacher_calls for step in self.steps)


def forecast(config: RunConfig) -> Forecast:
    sizes = _sizes(config)
    steps = [Step(student="(all)", round=0, verb="prepare", rows=_text(sizes))]
    shared: set[tuple[str, str | None]] = set()
    for student in config.students:
        first = (student.model, student.recorded) not in shared
        shared.add((student.model, student.recorded))
        steps += _evidence(config, student, 0, sizes) if first else []
        for index in range(config.rounds):
            steps += [_study(student, index, sizes["pool"]), _training(config, student, index)]
            steps += _evidence(config, student, index + 1, sizes)
    needs, problems = _needs(config)
    return Forecast(steps=tuple(steps), needs=tuple(needs), problems=tuple(problems))


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
    profile = None if probe is None else round(probe * data.profile_share)
    held_out = None if probe is None or profile is None else min(probe - profile, data.max_held_out or probe)
    return {"pool": pool, "profile": profile, "held_out": held_out}


def _text(sizes: dict[str, int | None]) -> str:
    return ", ".join(f"{split} {'?' if rows is None else rows}" for split, rows in sizes.items())


def _evidence(config: RunConfig, student: StudentConfig, index: int, sizes: dict[str, int | None]) -> list[Step]:
    """answer and diagnose before round `index`."""
    sharing = [s for s in config.students if (s.model, s.recorded) == (student.model, student.recorded)]
    gaps = any(Need.GAPS in s.curriculum.needs for s in (sharing if index == 0 else [student]))
    questions = _sum(sizes["held_out"], sizes["profile"] if gaps else 0)
    samples = config.rollout.samples
    rows = "?" if questions is None else f"{questions * samples} answers to {questions} questions"
    made = index - 1
    steps = [Step(student=student.name, round=made, verb="answer", rows=rows)]
    if gaps:
        most = (
            config.diagnosis.max_difficult
            if sizes["profile"] is None
            else min(config.diagnosis.max_difficult, sizes["profile"])
        )
        calls = most if config.diagnosis.source == "teacher" else 0
        steps.append(
            Step(student=student.name, round=made, verb="diagnose", rows=f"at most {most} gaps", teacher_calls=calls)
        )
    return steps


def _study(student: StudentConfig, index: int, pool: int | None) -> Step:
    curriculum: Any = student.curriculum
    wanted = getattr(curriculum, "num_examples", None)
    rows = "one for each order" if wanted is None else f"at most {wanted} examples"
    calls = 0
    if curriculum.type == "stat-syn":
        questions = math.ceil(wanted / curriculum.min_agreement)
        calls = math.ceil(questions / curriculum.questions_per_order) + questions * curriculum.solutions
    elif curriculum.type == "augment":
        calls = min([curriculum.num_examples, *([] if pool is None else [pool * curriculum.rewrites])])
    return Step(student=student.name, round=index, verb="study", rows=rows, teacher_calls=calls)


def _training(config: RunConfig, student: StudentConfig, index: int) -> Step:
    settings = config.training
    amount = f"{settings.max_tokens} tokens" if settings.max_tokens else f"{settings.epochs} epochs"
    method = "LoRA" if settings.lora else "full"
    rows = f"{amount}, {method}, ZeRO {settings.zero_stage}, {settings.dtype}, {settings.num_workers} worker(s)"
    return Step(student=student.name, round=index, verb="fine_tune", rows=rows)


def _needs(config: RunConfig) -> tuple[list[str], list[str]]:
    train, settings = config.placement.train, config.training
    rollout = config.placement.rollout
    needs = [
        f"roll_out ({config.rollout.engine}): up to {rollout.max_workers} x ({_ask(rollout)})",
        f"grade: up to {config.placement.grade.max_workers} x ({_ask(config.placement.grade)})",
        f"fine_tune: up to {train.max_workers} at once x {settings.num_workers} x ({_ask(train)})",
        f"teacher: {config.teacher.replicas} x ({_ask(config.placement.teacher)})",
    ]
    for model in sorted({student.model for student in config.students}):
        size = _parameters(resolve_model(model))
        if size:
            state = size * (4 if settings.lora else BYTES_PER_PARAMETER[settings.dtype])
            needs.append(
                f"model {model}: {size / 1e6:.2f}M parameters, about {state / 2**20:.0f} MiB of training state"
            )
    problems = []
    local_cpus = config.cluster.num_cpus if config.cluster.address == "local" else None
    asked = train.max_workers * settings.num_workers * train.num_cpus + 4
    if local_cpus is not None and asked > local_cpus:
        problems.append(f"fine_tune can ask for {asked:.0f} logical CPUs, cluster.num_cpus is {local_cpus}")
    return needs, problems


def _ask(placement: Any) -> str:
    parts = [f"{placement.num_cpus:g} CPU"]
    if placement.num_gpus:
        parts.append(
            f"{placement.num_gpus:g} GPU" + (f" {placement.accelerator_type}" if placement.accelerator_type else "")
        )
    return ", ".join(parts)


def _parameters(folder: str) -> int | None:
    """Parameters of a local model, from the headers of its safetensors."""
    from safetensors import safe_open

    files = (
        [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if n.endswith(".safetensors")]
        if os.path.isdir(folder)
        else []
    )
    total = 0
    for path in files:
        with safe_open(path, framework="np") as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total or None


def _sum(*parts: int | None) -> int | None:
    return None if None in parts else sum(part for part in parts if part is not None)
