"""The student answers: batched generation with a KV cache, K samples a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.config.evaluation import EvaluationSet
from skillray.config.model import RunConfig
from skillray.errors import DataError
from skillray.store.schemas import ROLLOUTS
from skillray.store.tables import Table
from skillray.types import as_chat, seed_for, user_turn


@dataclass(frozen=True)
class RollOut:
    """Stage: questions to rollouts, K rows a question, next to each other.

    Sampling is seeded by the run's seed and the unit's questions, so the same unit gives the same answers.
    """

    model: str
    samples: int
    temperature: float
    max_new_tokens: int
    threads: int
    seed: int

    def open(self) -> Callable[[pa.Table], pa.Table]:
        import torch

        from skillray.training.checkpoint import load_model, load_tokenizer

        torch.set_num_threads(self.threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        tokenizer = load_tokenizer(self.model)
        tokenizer.padding_side = "left"
        model = load_model(self.model, dtype="bf16" if device == "cuda" else "fp32").to(device).eval()

        def roll_out(questions: pa.Table) -> pa.Table:
            ids = questions["question_id"].to_pylist()
            torch.manual_seed(seed_for(self.seed, "roll_out", *ids))
            answers = self._generate(model, tokenizer, questions["question"].to_pylist(), device)
            return with_answers(questions, answers, self.samples)

        return roll_out

    def _generate(self, model: Any, tokenizer: Any, questions: list[str], device: str) -> list[dict[str, Any]]:
        import torch

        prompts = as_prompts(tokenizer, questions, self.model)
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False).to(device)
        greedy = self.temperature == 0.0
        sampling = {"do_sample": False} if greedy else {"do_sample": True, "temperature": self.temperature}
        stop = tokenizer.eos_token_id
        with torch.inference_mode():
            output = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=self.samples,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=stop,
                use_cache=True,
                **sampling,
            )
        return [as_answer(tokenizer, row, stop) for row in output[:, batch["input_ids"].shape[1] :].tolist()]


def roll_out_of(config: RunConfig, one: EvaluationSet, model: str) -> RollOut:
    """How `model` answers an evaluation set: by what the set says, which was completed by the run's settings."""
    assert one.sampling is not None and one.samples is not None, "a run's config fills them in"
    return RollOut(
        model=model,
        samples=one.samples,
        temperature=one.sampling.temperature,
        max_new_tokens=one.sampling.max_new_tokens,
        threads=config.rollout.threads,
        seed=seed_for(config.seed, "evaluate"),
    )


def as_prompts(tokenizer: Any, questions: Sequence[str], model: str) -> list[str]:
    """Each question as the one turn of a chat, in the words of the model's own template."""
    if not tokenizer.chat_template:
        raise DataError(f"model {model}: its tokenizer has no chat template; use an instruction-tuned model")
    return [
        tokenizer.apply_chat_template(as_chat(user_turn(text)), tokenize=False, add_generation_prompt=True)
        for text in questions
    ]


def as_answer(tokenizer: Any, tokens: list[int], stop: int) -> dict[str, Any]:
    """Row of what a model wrote; `stop` is the token that ends an answer."""
    finished = stop in tokens
    written = tokens[: tokens.index(stop)] if finished else tokens
    text = tokenizer.decode(written, skip_special_tokens=True)
    return {"response": text.strip(), "num_tokens": len(written) + finished, "finished": finished}


def with_answers(questions: pa.Table, answers: list[dict[str, Any]], samples: int) -> pa.Table:
    """`samples` rows a question."""
    repeated = [row for row in range(questions.num_rows) for _ in range(samples)]
    columns = pa.Table.from_pylist(
        [answer | {"sample": place % samples} for place, answer in enumerate(answers)],
        schema=pa.schema([ROLLOUTS.field(name) for name in ("sample", "response", "num_tokens", "finished")]),
    )
    rows = questions.take(pa.array(repeated, pa.int64()))
    for name in columns.column_names:
        rows = rows.append_column(columns.schema.field(name), columns[name])
    return rows


@dataclass(frozen=True)
class Recorded:
    """Stage: the answers that `student` once gave, from a table of a table; unanswered questions are left out."""

    recorded: str
    """Folder of the recorded table."""
    student: str

    def open(self) -> Callable[[pa.Table], pa.Table]:
        answers = Table(self.recorded).read()
        answers = answers.filter(pc.equal(answers["student"], self.student))

        def look_up(questions: pa.Table) -> pa.Table:
            wanted = questions["source_id"].to_pylist()
            match = pc.is_in(answers["question_id"], value_set=pa.array(wanted, pa.string()))
            found = answers.filter(match).sort_by([("question_id", "ascending"), ("sample", "ascending")])
            row_of = {source: row for row, source in enumerate(wanted)}
            rows = questions.take(pa.array([row_of[source] for source in found["question_id"].to_pylist()], pa.int64()))
            for name in ("sample", "response"):
                rows = rows.append_column(name, found[name])
            rows = rows.append_column("num_tokens", pa.array([0] * found.num_rows, pa.int32()))
            return rows.append_column("finished", pa.array([True] * found.num_rows, pa.bool_()))

        return look_up
