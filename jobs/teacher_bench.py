"""What the way to the teacher costs: `python -m jobs.teacher_bench`.

A Llama of 113M parameters, served by vLLM on Ray Serve as a run has it; CALLS requests. Its layers are random, its head
counts: an answer is 128 words and the end. In one run, in turns, with as many requests under way at once: the engine's
own handle, and a stage's `ask` (reply log on disk, budget, replica, parsing), with the same prompts and seeds.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from typing import Any

from jobs.rollout_bench import questions, save_model
from skillray.config import RunConfig, parse
from skillray.on_ray.environment import prepare
from skillray.teacher.identity import identify
from skillray.teacher.prompting import Prompts
from skillray.teacher.tasks import Solve, Task
from skillray.types import Question, content_id

CALLS, AT_ONCE, WORDS, TURNS = 64, 16, 128, 2
WARM = 8
"""Calls before anything is measured."""
APP = "teacher-bench"


def main() -> None:
    prepare("local")
    with tempfile.TemporaryDirectory() as folder:
        model = save_model(os.path.join(folder, "model"), vocabulary=4 + WORDS, layers=16, positions=4096)
        let_it_count(model)
        measure(make_config(model), os.path.join(folder, "log"))


def let_it_count(folder: str) -> None:
    """After a prompt's last token comes the first word, after each word the next, after the last the end; whatever the
    layers add.
    """
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    model, tokenizer = LlamaForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    names = ["<|assistant|>", *(f"w{n}" for n in range(WORDS)), "<|end|>"]
    order = torch.tensor(tokenizer.convert_tokens_to_ids(names))
    size, width = model.get_input_embeddings().weight.shape
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(torch.zeros(size, width))
    with torch.no_grad():
        model.get_input_embeddings().weight.normal_()
        model.lm_head.weight[order[1:]] = model.get_input_embeddings().weight[order[:-1]] * 3 / width**0.5
    model.save_pretrained(folder)


def make_config(model: str) -> RunConfig:
    import torch

    on_gpu = int(torch.cuda.is_available())
    dtype, memory = "auto" if on_gpu else "float32", {"env_vars": {"VLLM_CPU_KVCACHE_SPACE": "4"}}
    teacher = {"type": "vllm", "model": model, "concurrency": AT_ONCE, "dtype": dtype}
    students = [{"name": "a", "curriculum": {"type": "uniform", "num_examples": 1}}]
    placement = {"teacher": {"num_gpus": on_gpu, "runtime_env": memory}}
    return parse({"name": "bench", "students": students, "teacher": teacher, "placement": placement}, "bench")


def measure(config: RunConfig, folder: str) -> None:
    import ray

    from skillray.on_ray.cluster import connected
    from skillray.on_ray.reply_logs import served_teacher, start_log
    from skillray.on_ray.teacher import start_teacher, stop_teacher
    from skillray.store.fence import UNFENCED

    with connected(config.cluster, config.name):
        try:
            start_teacher(APP, config.teacher, config.placement.teacher, 600.0, print)
            log = start_log("bench", 0, folder, UNFENCED, APP, config)
            ask = served_teacher("bench", config.teacher, "a/round-000")()
            engine = ray.remote(num_cpus=0.1)(Engine).remote(config)
            ways = {
                "engine's handle": lambda asked: ray.get(engine.ask.remote(asked)),
                "teacher": lambda asked: count(ask, asked),
            }
            best: dict[str, float] = {}
            for turn in range(-1, TURNS):  # the first one warms
                asked = requests(turn) if turn >= 0 else requests(turn)[:WARM]
                for name, way in ways.items() if turn % 2 else reversed(ways.items()):
                    start = time.perf_counter()
                    tokens = way(asked)
                    speed = tokens / (time.perf_counter() - start)
                    if turn >= 0:
                        best[name] = max(best.get(name, 0.0), speed)
                        print(f"turn {turn}: {name}: {tokens} tokens, {speed:.0f} tokens/s", flush=True)
            ray.kill(engine)
            del log
        finally:
            stop_teacher(APP)
    ratio = best["teacher"] / best["engine's handle"]
    load = os.getloadavg()[0]
    print(f"best of {TURNS}: calls of a stage have {ratio:.2f} of the engine's tokens/s (load {load:.1f})")


def requests(sample: int) -> list[Solve]:
    """Others every turn: what is in the log costs nothing."""
    return [
        Solve(
            question=Question(question_id=content_id(text), question=text, answer="", solution="", skills=()), sample=n
        )
        for text, n in zip(questions()[:CALLS], [sample] * CALLS, strict=True)
    ]


def count(ask: Any, asked: list[Solve]) -> int:
    return sum(reply.completion_tokens for reply in ask(Task.SOLVE, asked))


class Engine:
    """Calls without anything of ours: the handle of the engine, AT_ONCE at a time. An actor, as replicas are."""

    def __init__(self, config: RunConfig) -> None:
        from ray import serve

        self._model, self._prompts = str(getattr(config.teacher, "model", "")), Prompts()
        self._who = identify(config.teacher)
        [name] = [one for one in serve.status().applications[APP].deployments if one.startswith("LLMServer")]
        self._handle = serve.get_deployment_handle(name, APP).options(stream=True)

    async def ask(self, asked: list[Solve]) -> int:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(request: Solve) -> int:
            async with gate:
                return await self._call(request)

        return sum(await asyncio.gather(*(one(request) for request in asked)))

    async def _call(self, request: Solve) -> int:
        from ray.serve.llm.openai_api_models import ChatCompletionRequest

        from skillray.teacher.llm_teacher import ReplySampling

        messages = [{"role": "user", "content": self._prompts.render(request)}]
        seed = int.from_bytes(self._who.key(Task.SOLVE, request)[:4], "big") >> 1  # as our teacher seeds
        sampling = {**ReplySampling().of(Task.SOLVE, request), "seed": seed}
        call = ChatCompletionRequest(model=self._model, messages=messages, **sampling)
        [answer] = [each async for each in self._handle.chat.remote(call)]
        assert hasattr(answer, "usage"), answer
        return int(answer.usage.completion_tokens)


if __name__ == "__main__":
    main()
