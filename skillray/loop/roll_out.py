"""The student answers: batched generation with a KV cache, K samples a question."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.chat.render import ChatFormat, open_format, stop_tokens
from skillray.chat.sampling import Sampling
from skillray.config.evaluation import EvaluationSet
from skillray.config.model import RunConfig
from skillray.errors import DataError
from skillray.loop.sampling import choose, has_penalties, penalised, uniform
from skillray.store.schemas import ROLLOUTS
from skillray.store.tables import Table
from skillray.types import seed_for

Told = Callable[[int, int], None]
"""Hears of answers that have ended, and of tokens that were written, while a batch is under way."""


PADDING = 0
"""Any token will do: before a prompt it is masked, behind an answer it is cut off. Not every tokenizer names one."""


def ignore(answers: int, tokens: int) -> None:
    """A `Told` that nobody listens to."""


class RollOut(Sampling):
    """Stage: questions to rollouts, K rows a question, next to each other.

    Every answer is sampled by a seed of its own, so that it is the same whatever is answered beside it.
    """

    model: str
    samples: PositiveInt
    threads: PositiveInt
    seed: int
    prompt: StudentPrompt = BARE
    dtype: Literal["fp32", "bf16"] = "fp32"

    def open(self, tell: Told = ignore) -> Callable[[pa.Table], pa.Table]:
        import torch

        torch.set_num_threads(self.threads)
        writer = Writer.open(self, "cuda" if torch.cuda.is_available() else "cpu", tell)

        def roll_out(questions: pa.Table) -> pa.Table:
            ids, texts = questions["question_id"].to_pylist(), questions["question"].to_pylist()
            return with_answers(questions, writer.answer(ids, texts), self.samples)

        return roll_out

    def seeds(self, ids: Sequence[bytes]) -> list[int]:
        """One an answer, those to a question next to each other."""
        return [seed_for(self.seed, question_id, sample) for question_id in ids for sample in range(self.samples)]


@dataclass(frozen=True)
class Writer:
    """A model of transformers that answers, and what ends its answers."""

    settings: RollOut
    model: Any
    form: ChatFormat
    stops: frozenset[int]
    tell: Told

    @classmethod
    def open(cls, settings: RollOut, device: str, tell: Told = ignore) -> Writer:
        from transformers import GenerationConfig

        from skillray.training.checkpoint import load_model, load_tokenizer, whole_folder

        form = open_format(load_tokenizer(settings.model), settings.prompt)
        model = load_model(settings.model, dtype=settings.dtype).to(device).eval()
        # What the model's own file says of sampling would be in force wherever we say nothing.
        model.generation_config = GenerationConfig()
        return cls(settings, model, form, stop_tokens(form, whole_folder(settings.model)), tell)

    def answer(self, ids: Sequence[bytes], questions: Sequence[str]) -> list[dict[str, Any]]:
        """`settings.samples` rows a question, next to each other."""
        import torch
        from transformers import GenerationConfig

        prompts, device = self.form.prompt_ids(questions), self.model.device
        length, stops = max(map(len, prompts)), sorted(self.stops)
        padded = [[PADDING] * (length - len(prompt)) + prompt for prompt in prompts]  # on the left, and masked
        mask = [[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        greedy = GenerationConfig(
            max_new_tokens=min(self.settings.max_new_tokens, room_left(self.model, prompts, self.settings.model)),
            num_return_sequences=1,
            do_sample=False,
            eos_token_id=stops,
            pad_token_id=PADDING,
            use_cache=True,
        )
        repeated = [row for row in range(len(prompts)) for _ in range(self.settings.samples)]
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=torch.tensor(padded, device=device)[repeated],
                attention_mask=torch.tensor(mask, device=device)[repeated],
                generation_config=greedy,
                logits_processor=self._picking([prompts[row] for row in repeated], self.settings.seeds(ids), length),
                stopping_criteria=[self._counting(len(repeated))],
            )
        return [as_answer(self.form, self.stops, row) for row in output[:, length:].tolist()]

    def _picking(self, prompts: list[list[int]], seeds: list[int], length: int) -> list[Callable[[Any, Any], Any]]:
        """Leaves greedy decoding no choice but the token that is sampled; nothing where greedy is what is meant."""
        if self.settings.temperature == 0.0 and not has_penalties(self.settings):
            return []

        def pick(input_ids: Any, scores: Any) -> Any:
            written = input_ids[:, length:].tolist()
            numbers = [uniform(seed, len(tokens)) for seed, tokens in zip(seeds, written, strict=True)]
            tokens = choose(penalised(scores, self.settings, prompts, written), self.settings, numbers)
            return scores.scatter(-1, tokens[:, None], float("inf"))

        return [pick]

    def _counting(self, rows: int) -> Callable[[Any, Any], Any]:
        """Stops nothing: hears of every token."""
        import torch

        ended, stops = torch.zeros(rows, dtype=torch.bool), torch.tensor(sorted(self.stops))

        def count(input_ids: Any, scores: Any) -> Any:
            writing = ~ended
            ended.logical_or_(torch.isin(input_ids[:, -1].cpu(), stops))
            self.tell(int((writing & ended).sum()), int(writing.sum()))
            return torch.zeros(rows, dtype=torch.bool, device=input_ids.device)

        return count


def roll_out_of(config: RunConfig, one: EvaluationSet, model: str, prompt: StudentPrompt) -> RollOut:
    """How `model`, which is asked by `prompt` unless the set has its own, answers an evaluation set."""
    assert one.sampling is not None and one.samples is not None, "a run's config fills them in"
    return RollOut(
        **one.sampling.model_dump(),
        model=model,
        samples=one.samples,
        threads=config.rollout.threads,
        seed=seed_for(config.seed, "evaluate"),
        prompt=one.prompt or prompt,
        dtype="bf16" if config.rollout.dtype == "bf16" else "fp32",
    )


def room_left(model: Any, prompts: Sequence[Sequence[int]], name: str) -> int:
    """Tokens that a model can write after prompts that are padded to the longest one.

    `DataError` for a prompt that leaves no room, and for one with a token that the embedding has no row for.
    """
    longest = max(map(len, prompts))
    room = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if room is not None and longest >= room:
        raise DataError(f"a question has {longest} tokens, and model {name} has room for {room}; leave it out")
    if (rows := model.get_input_embeddings().weight.shape[0]) <= (largest := max(map(max, prompts))):
        raise DataError(
            f"a question holds token {largest} of the tokenizer, and the embedding of model {name} has {rows} rows; "
            "leave it out, or resize the embedding"
        )
    return 2**31 if room is None else int(room) - longest


def as_answer(form: ChatFormat, stops: Collection[int], tokens: list[int]) -> dict[str, Any]:
    """Row of what a model wrote; the first of `stops` ends it. Thoughts that the prompt began have their beginning."""
    end = next((place for place, token in enumerate(tokens) if token in stops), None)
    written = tokens if end is None else tokens[:end]
    text = form.opened + form.tokenizer.decode(written, skip_special_tokens=True)
    return {"response": text.strip(), "num_tokens": len(written) + (end is not None), "finished": end is not None}


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
