"""Who answers a runner's questions and who grades them: links of its chains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skillray.config.evaluation import EvaluationSet
from skillray.loop.grade import Grade
from skillray.loop.prm import NEURAL
from skillray.loop.roll_out import Recorded, RollOut, roll_out_of
from skillray.on_ray.counting import RollOutHere
from skillray.on_ray.data import Link
from skillray.types import seed_for

if TYPE_CHECKING:
    from skillray.on_ray.verbs import Runner


def answering(runner: Runner) -> Link:
    """The checkpoint that the round starts from answers, or in round 0 what was recorded of the student."""
    if runner.round == 0 and runner.student.recorded is not None:
        recorded = Recorded(runner.run.recorded().folder, runner.student.recorded)
        return Link(recorded, runner.config.placement.rollout)
    return _by_engine(runner, _roll_out(runner))


def sampling(runner: Runner, samples: int, temperature: float, seed: int) -> Link:
    """The same checkpoint answers otherwise than where it is scored."""
    changed = {"samples": samples, "temperature": temperature, "seed": seed}
    return _by_engine(runner, _roll_out(runner).model_copy(update=changed))


def answering_set(runner: Runner, one: EvaluationSet) -> Link:
    """The checkpoint answers an evaluation set, with a seed that no round changes: before and after training it meets
    the same random numbers."""
    prompt = runner.config.prompt_of(runner.student)
    return _by_engine(runner, roll_out_of(runner.config, one, runner.checkpoint(runner.round), prompt))


def grading(runner: Runner) -> Link:
    """Answers and steps are judged by the run's scorer; a reward model is held by warm actors."""
    config = runner.config
    domain = config.data.domain if config.data.type == "domain" else None
    if not isinstance(config.grading.scorer, NEURAL):
        return Link(Grade(config.grading, domain), config.placement.grade)
    from skillray.on_ray.scorer import CALLS, warm_scorers

    stage = Grade(config.grading, domain, warm_scorers(config, runner.fence))
    return Link(stage, config.placement.grade, calls=CALLS)


def _roll_out(runner: Runner) -> RollOut:
    settings = runner.config.rollout
    return RollOut(
        **settings.alone.model_dump(),
        model=runner.checkpoint(runner.round),
        samples=settings.samples,
        threads=settings.threads,
        seed=seed_for(runner.config.seed, "answer", runner.round),
        prompt=runner.config.prompt_of(runner.student),
        dtype="bf16" if settings.dtype == "bf16" else "fp32",
    )


def _by_engine(runner: Runner, roll_out: RollOut) -> Link:
    """The link of the engine that the run keeps."""
    if runner.config.rollout.engine != "vllm":
        return Link(RollOutHere(roll_out, runner.told), runner.config.placement.rollout)
    from skillray.on_ray.rollout_engine import by_engines

    return by_engines(roll_out, runner.config, runner.fence, runner.told)
