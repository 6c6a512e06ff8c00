"""How fast students answer through the roll_out stage: `python -m jobs.rollout_bench`.

A random Llama of 114M parameters (12 layers of 768, vocabulary of 32,000, in fp32 on a CPU, in bf16 where there is a
GPU), QUESTIONS questions, 128 tokens each. In one run, in turns: `vllm.LLM.generate` in a process of its own, and the
stage as a run has it (Ray Data, a warm engine, tables, a seed for every answer). While one works, the other waits.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skillray.config import RunConfig, dump_config, parse
from skillray.on_ray.environment import prepare
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.store.tables import Table

QUESTIONS, NEW_TOKENS, TURNS = 128, 128, 3
WORDS = 60
EAGER = True
"""On a CPU, as our engine; compiling takes minutes."""
TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} {% endfor %}<|assistant|>"


def main() -> None:
    import torch

    prepare("local")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "5")  # GiB: all sequences at once
        model = save_model(os.path.join(folder, "model"))
        run = RunFolder(os.path.join(folder, "run"))
        os.makedirs(run.path)
        config = make_config(model, num_gpus=int(torch.cuda.is_available()))
        with writing(run.path) as fence:
            fence.commit(run.config, dump_config(config).encode())
            measure(run, config, fence)


def measure(run: RunFolder, config: RunConfig, fence: Any) -> None:
    from skillray.on_ray.cluster import connected

    with connected(config.cluster, config.name), coordinator(config, fence):
        stage, plain = Stage(run, config, fence), start_plain(config)
        ways = {"vllm.LLM.generate": lambda turn: plain(), "roll_out stage": stage.answer}
        best: dict[str, float] = {}
        for turn in range(-1, TURNS):  # the first one warms
            for name, way in ways.items():
                start = time.perf_counter()
                tokens = way(turn)
                if turn >= 0:
                    speed = tokens / (time.perf_counter() - start)
                    best[name] = max(best.get(name, 0.0), speed)
                    print(f"turn {turn}: {name}: {tokens} tokens, {speed:.0f} tokens/s", flush=True)
    ratio = best["roll_out stage"] / best["vllm.LLM.generate"]
    load = os.getloadavg()[0]
    print(f"best of {TURNS}: the stage has {ratio:.2f} of the tokens/s of vllm.LLM.generate (load {load:.1f})")


@contextmanager
def coordinator(config: RunConfig, fence: Any) -> Iterator[None]:
    """The name that warm actors look for, and their end."""
    import ray

    from skillray.on_ray.runner import COORDINATOR, end_all, namespace_of

    class Nobody:
        pass

    namespace = namespace_of(config.name, fence)
    actor = ray.remote(num_cpus=0.1)(Nobody).options(name=COORDINATOR, namespace=namespace).remote()
    try:
        yield
    finally:
        end_all(namespace)
        ray.kill(actor)


class Stage:
    """The roll_out stage of `config` over its questions."""

    def __init__(self, run: RunFolder, config: RunConfig, fence: Any) -> None:
        self._run, self._config, self._fence = run, config, fence
        self._questions = run.questions("held_out")
        self._questions.write(question_table(), fence=fence)

    def answer(self, turn: int) -> int:
        """Tokens written."""
        from skillray.loop.roll_out import RollOut
        from skillray.on_ray.data import Job, run_chain
        from skillray.on_ray.rollout_engine import by_engines

        settings = self._config.rollout
        roll_out = RollOut(
            **settings.alone.model_dump(),
            model=self._config.students[0].model,
            samples=settings.samples,
            threads=settings.threads,
            seed=turn,
            dtype="bf16" if settings.dtype == "bf16" else "fp32",
        )
        answers = Table(self._run.file(f"turn-{turn}", "rollouts"))
        link = by_engines(roll_out, self._config, self._fence)
        job = Job(self._questions, (answers,))
        run_chain([job], [link], unit_rows=settings.batch_size, fence=self._fence, progress=lambda *_: None)
        return int(sum(answers.read(["num_tokens"])["num_tokens"].to_pylist()))


def start_plain(config: RunConfig) -> Any:
    """A function that generates once, in an actor: a process of its own, as the engine of the stage is."""
    import ray

    environment = {"OMP_NUM_THREADS": str(config.rollout.threads), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    num_gpus = config.placement.rollout.num_gpus
    actor = ray.remote(Plain).options(runtime_env={"env_vars": environment}, num_cpus=1, num_gpus=num_gpus)
    plain = actor.remote(config.students[0].model, num_gpus, config.rollout.max_new_tokens)
    return lambda: ray.get(plain.generate.remote())


class Plain:
    """`vllm.LLM` as its documentation shows it."""

    def __init__(self, model: str, num_gpus: float, new_tokens: int) -> None:
        from vllm import LLM, SamplingParams

        if num_gpus:
            self._llm = LLM(model, dtype="bfloat16", gpu_memory_utilization=0.9 * num_gpus)
        else:
            self._llm = LLM(model, dtype="float32", enforce_eager=EAGER)
        self._params = SamplingParams(temperature=1.0, max_tokens=new_tokens)

    def generate(self) -> int:
        from skillray.types import as_chat, user_turn

        chats = [as_chat(user_turn(text)) for text in questions()]
        tokenizer = self._llm.get_tokenizer()
        prompts = [tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
        outputs = self._llm.generate(prompts, self._params, use_tqdm=False)
        return sum(len(output.outputs[0].token_ids) for output in outputs)


def make_config(model: str, num_gpus: int) -> RunConfig:
    config = {
        "name": "bench",
        "students": [{"name": "a", "model": model, "curriculum": {"type": "uniform", "num_examples": 1}}],
        "rollout": {"engine": "vllm", "temperature": 1.0, "max_new_tokens": NEW_TOKENS, "threads": 2, "batch_size": 16},
        "placement": {"rollout": {"max_workers": 1, "num_gpus": num_gpus / 2}},
    }
    return parse(config, "bench")


def questions() -> list[str]:
    rng = random.Random(0)
    return [" ".join(f"w{rng.randrange(1000)}" for _ in range(WORDS)) for _ in range(QUESTIONS)]


def question_table() -> Any:
    import pyarrow as pa

    from skillray.store.schemas import QUESTIONS as SCHEMA
    from skillray.types import content_id

    rows = [
        {"question_id": content_id(text), "question": text, "answer": "", "solution": "", "skills": [], "split": "x"}
        for text in questions()
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def save_model(folder: str, *, vocabulary: int = 32_000, layers: int = 12, positions: int = 1024) -> str:
    """Random, with a tokenizer of a word a token; its end token is as likely as any other."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    special = ["<unk>", "<|end|>", "<|user|>", "<|assistant|>"]
    words = [*special, *(f"w{n}" for n in range(vocabulary - len(special)))]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=layers,
        num_attention_heads=12,
        num_key_value_heads=12,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
    )
    model = LlamaForCausalLM(config)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f}M parameters")
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<|end|>", chat_template=TEMPLATE
    ).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
