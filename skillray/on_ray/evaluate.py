"""`skillray evaluate` on Ray: models that are already there answer evaluation sets; nothing is trained."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ray

from skillray.config import RunConfig
from skillray.config.evaluation import EvaluationSet
from skillray.errors import SkillrayError
from skillray.loop.ask_url import AskUrl
from skillray.loop.inputs import note_inputs
from skillray.loop.outside import Outside, run_tasks
from skillray.on_ray.cluster import connected
from skillray.on_ray.data import Job, Link, Progress, run_chain, worker_resources
from skillray.on_ray.evaluation import answer_sets, write_sets
from skillray.on_ray.runner import COORDINATOR, end_all, namespace_of
from skillray.on_ray.verbs import Runner
from skillray.store.fence import Fence
from skillray.store.files import exists
from skillray.store.layout import RunFolder
from skillray.types import seed_for


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model behind a URL, instead of the students of the config."""

    url: str
    model: str


class _Keeper:
    """Stands where a run has its coordinator: warm engines end when it is gone."""


def evaluate_on_ray(
    config: RunConfig,
    fence: Fence,
    endpoint: Endpoint | None,
    outside: Outside | None,
    shown: Callable[[str], Progress],
) -> None:
    """Every student of `config` as it is answers its evaluation sets; complete tables are not touched.

    `shown` gives what hears of a student's progress. `environment.prepare` must have run.
    """
    namespace = namespace_of(config.name, fence)
    with connected(config.cluster, namespace):
        evaluate_connected(config, fence, endpoint, outside, shown)


def evaluate_connected(
    config: RunConfig,
    fence: Fence,
    endpoint: Endpoint | None,
    outside: Outside | None,
    shown: Callable[[str], Progress],
) -> None:
    """On the Ray that is connected. What is started here ends here."""
    # Ray Data's own news would stand between our lines: a run has it in the logs of its runners.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    run, namespace = RunFolder(fence.run), namespace_of(config.name, fence)
    keeper = ray.remote(num_cpus=0)(_Keeper).options(name=COORDINATOR, namespace=namespace).remote()
    try:
        note_inputs(run, config, fence)
        write_sets(run, config.evaluation.sets, fence)
        for student in config.students:
            progress = shown(student.name)
            if endpoint is not None:
                _ask_endpoint(run, config, fence, endpoint, progress)
            elif config.evaluation.sets:
                Runner(run, config, (student,), 0, fence, progress).evaluate()
            if outside is not None:
                _run_outside(run, config, fence, student.name, student.model, outside)
    finally:
        end_all(namespace)
        ray.kill(keeper)


def _ask_endpoint(run: RunFolder, config: RunConfig, fence: Fence, endpoint: Endpoint, progress: Progress) -> None:
    questions = {one.name: run.evaluation_set(one.name) for one in config.evaluation.sets}

    def answering(one: EvaluationSet) -> Link:
        assert one.sampling is not None and one.samples is not None, "a run's config fills them in"
        prompt, seed = one.prompt or config.rollout.prompt, seed_for(config.seed, "evaluate")
        stage = AskUrl(endpoint.url, endpoint.model, prompt, one.sampling, one.samples, seed)
        return Link(stage, config.placement.rollout)

    def chain(jobs: Sequence[Job], links: Sequence[Link], unit_rows: int) -> None:
        run_chain(jobs, links, unit_rows=unit_rows, fence=fence, progress=progress)

    folder = run.base(config.students[0].name)
    answer_sets(config, questions, lambda one: folder, answering, chain)


def _run_outside(run: RunFolder, config: RunConfig, fence: Fence, student: str, model: str, outside: Outside) -> None:
    """Tasks that have no result yet, in one worker of `placement.rollout`."""
    folder = run.base(student)
    todo = tuple(task for task in outside.tasks if not exists(folder.outside(task)))
    if not todo:
        return
    asked = Outside(todo, outside.folder, outside.limit)
    placement = config.placement.rollout
    dtype = "bf16" if placement.num_gpus else "fp32"
    work = ray.remote(**worker_resources(placement))(run_tasks)
    try:
        found = ray.get(work.remote(model, asked, config.rollout.batch_size, dtype))
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, SkillrayError) else error from None
    for task, result in found.items():
        fence.commit_json(folder.outside(task), result | {"limit": outside.limit})
