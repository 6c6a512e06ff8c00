"""vLLM in this process, all of it in one thread, which other threads give work to.

    generate() from many callers ──> inbox ──> thread: add requests, step, step ... ──> futures

One process, so that nothing is left of an engine whose actor was killed, and what goes wrong in it is raised here, in
its own words. Everybody's requests are batched together as they come (continuous batching); the weights are one
model's at a time, and those of LoRA adapters beside it.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.util import find_spec
from socket import gethostname
from typing import Any, TypeVar

from skillray.chat.sampling import Sampling
from skillray.errors import MissingExtraError
from skillray.loop.sampling import has_penalties

T = TypeVar("T")
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB; of a GPU it is what the weights leave
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else it takes cores that other processes have
}
"""vLLM's own variables, read at import; what a user already set stays."""
GPU_SHARE = 0.9
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Largest ranks of LoRA that vLLM has room for."""
ADAPTERS = 4
"""LoRA adapters in one batch; requests with others wait."""


@dataclass(frozen=True)
class Weights:
    """What an engine holds: a whole model, with room for adapters of up to `lora_rank` (0: none)."""

    folder: str
    dtype: str = "fp32"
    """'fp32' or 'bf16'."""
    lora_rank: int = 0


@dataclass(frozen=True)
class Adapter:
    """A PEFT folder by its content: the number under which vLLM keeps it."""

    folder: str
    number: int


@dataclass(frozen=True)
class Request:
    prompt: Sequence[int]
    seed: int


class VllmEngine:
    """An engine that can be loaded once in the life of its process."""

    def __init__(self, num_gpus: float) -> None:
        self._num_gpus = num_gpus
        self._llm: Any = None
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: dict[str, Future[Any]] = {}
        self._numbers = itertools.count()
        threading.Thread(target=self._work, daemon=True).start()

    def load(self, weights: Weights) -> Future[int]:
        """Start with `weights`; the longest sequence it has room for."""

        def start() -> int:
            for name, value in ENVIRONMENT.items():
                os.environ.setdefault(name, value)
            if find_spec("vllm") is None:
                where, command = gethostname(), 'pip install "skillray[vllm]"'
                raise MissingExtraError(f"rollout.engine is vllm, which is not on {where}: {command}")
            from vllm import EngineArgs
            from vllm.usage.usage_lib import UsageContext
            from vllm.v1.engine.llm_engine import LLMEngine

            args = EngineArgs(**engine_arguments(weights, self._num_gpus))
            self._llm = LLMEngine.from_engine_args(args, usage_context=UsageContext.LLM_CLASS)
            return int(self._llm.vllm_config.model_config.max_model_len)

        return self._do(start)

    def reload(self, folder: str) -> Future[None]:
        """Other weights of the same shape, in place. Whether they were really taken is for the caller to find out."""

        def swap() -> None:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": folder})
            self._llm.reset_prefix_cache()

        return self._do(swap)

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stops: Collection[int], adapter: Adapter | None
    ) -> list[Future[Any]]:
        """One future a request, of the ids of the tokens written; the first of `stops` ends them, and is included."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        def params(request: Request) -> Any:
            return SamplingParams(
                max_tokens=sampling.max_new_tokens,
                stop_token_ids=sorted(stops),
                detokenize=False,
                output_kind=RequestOutputKind.FINAL_ONLY,
                **picking(sampling, request.seed, on_gpu=self._num_gpus > 0),
            )

        return [
            self._ask(request.prompt, params(request), adapter, lambda output: list(output.outputs[0].token_ids))
            for request in requests
        ]

    def log_probabilities(self, texts: Sequence[Sequence[int]]) -> list[Future[list[float]]]:
        """Of every token of `texts` but their first, after those before it."""
        from vllm import SamplingParams

        def of_prompt(output: Any) -> list[float]:
            ids, found = output.prompt_token_ids, output.prompt_logprobs
            return [place[token].logprob for token, place in list(zip(ids, found, strict=True))[1:]]

        params = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False)
        return [self._ask(text, params, None, of_prompt) for text in texts]

    def _ask(self, prompt: Sequence[int], params: Any, adapter: Adapter | None, take: Callable[[Any], T]) -> Future[T]:
        from vllm import TokensPrompt
        from vllm.lora.request import LoRARequest

        name, future = str(next(self._numbers)), Future[Any]()
        lora = adapter and LoRARequest(f"adapter-{adapter.number}", adapter.number, adapter.folder)

        def add() -> None:
            self._waiting[name] = future
            try:
                self._llm.add_request(name, TokensPrompt(prompt_token_ids=list(prompt)), params, lora_request=lora)
            except Exception as error:  # this request's own fault
                self._waiting.pop(name).set_exception(error)

        self._inbox.put(add)
        return _mapped(future, take)

    def _do(self, work: Callable[[], T]) -> Future[T]:
        """In the engine's thread, between two steps."""
        future = Future[T]()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # the thread goes on; whoever waits gets it
                future.set_exception(error)

        self._inbox.put(run)
        return future

    def _work(self) -> None:
        while True:
            if not self._waiting:
                self._inbox.get()()
            while not self._inbox.empty():
                self._inbox.get()()
            if self._waiting:
                self._step()

    def _step(self) -> None:
        try:
            outputs = self._llm.step()
        except Exception as error:  # the engine is broken: everyone who waits is told
            for future in self._waiting.values():
                future.set_exception(error)
            self._waiting.clear()
            return
        for output in outputs:
            if output.finished:
                self._waiting.pop(output.request_id).set_result(output)


def engine_arguments(weights: Weights, num_gpus: float) -> dict[str, Any]:
    """As `vllm.EngineArgs` and `vllm.LLM` take them."""
    lora = {"enable_lora": True, "max_lora_rank": weights.lora_rank, "max_loras": ADAPTERS} if weights.lora_rank else {}
    workers = max(1, int(num_gpus))
    sampling = {} if num_gpus else {"logits_processors": ["skillray.on_ray.seeded_sampling:SeededSampling"]}
    return (
        lora
        | sampling
        | {
            "model": weights.folder,
            "skip_tokenizer_init": True,  # token ids in, token ids out
            "generation_config": "vllm",  # nothing but what a request says
            "dtype": {"bf16": "bfloat16", "fp32": "float32"}[weights.dtype],
            "max_model_len": -1,  # the model's own, or what fits
            "gpu_memory_utilization": GPU_SHARE * min(1.0, num_gpus or 1.0),
            "tensor_parallel_size": workers,
            "distributed_executor_backend": "mp" if workers > 1 else "uni",
            "enforce_eager": not num_gpus,  # on a CPU, compiling takes longer than it saves
            "disable_log_stats": True,
            "seed": 0,
        }
    )


def picking(sampling: Sampling, seed: int, on_gpu: bool) -> dict[str, Any]:
    """Arguments of `vllm.SamplingParams`; what stands nowhere here is neutral in them."""
    if on_gpu:
        neutral_k = -1
        return {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or neutral_k,
            "min_p": sampling.min_p,
            "repetition_penalty": sampling.repetition_penalty,
            "presence_penalty": sampling.presence_penalty,
            "frequency_penalty": sampling.frequency_penalty,
            "seed": seed,
        }
    if sampling.temperature == 0.0 and not has_penalties(sampling):
        return {"temperature": 0.0}
    from skillray.on_ray.seeded_sampling import SAMPLING, SEED

    return {"temperature": 0.0, "extra_args": {SEED: seed, SAMPLING: sampling}}


def room_for(rank: int) -> int:
    """The smallest largest rank that has room for `rank`."""
    return next(room for room in RANKS if room >= rank)


def _mapped(future: Future[Any], take: Callable[[Any], T]) -> Future[T]:
    mapped = Future[T]()

    def done(ended: Future[Any]) -> None:
        error = ended.exception()
        if error is not None:
            mapped.set_exception(error)
        else:
            mapped.set_result(take(ended.result()))

    future.add_done_callback(done)
    return mapped
