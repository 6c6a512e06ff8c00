"""Settings of fine-tuning, typed, with the source of each default."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from skillray.types import Value

EXECUTION = ("checkpoint_every_s", "step_timeout_s")
"""Fields of `TrainingSettings` that may change between two attempts at a round: they change no bit of the result."""


class Lora(Value):
    """Low-rank adapters."""

    rank: PositiveInt = 16
    alpha: PositiveFloat = 32.0
    dropout: float = Field(0.05, ge=0.0, lt=1.0)
    target_modules: tuple[str, ...] = ("all-linear",)
    """Layers that get one: ends of module names, regular expressions for whole names, or 'all-linear', which is every
    linear layer but the head, whatever the model's family calls it: attention and MLP projections, as for QLoRA in STAT
    (arXiv 2510.10023, C.1). An entry that means no layer of the model is refused."""

    @field_validator("target_modules", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        """A single text is a list of one. Lists of a file get here as lists, and a strict field takes tuples only."""
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value

    @field_validator("target_modules")
    @classmethod
    def _are_expressions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for target in value:
            try:
                re.compile(target)
            except re.error as error:
                raise ValueError(f"target_modules: {target!r} is no regular expression ({error}); correct it") from None
        return value

    quantize: Literal["nf4"] | None = None
    """QLoRA (arXiv 2305.14314): the frozen base in 4 bits while it trains, as STAT does (C.1). Answers come from the
    base as it is stored, with the adapter. Needs the extra `qlora`, and ZeRO up to 2. STAT's paged 8-bit AdamW is left
    out: the optimizer holds adapters only."""
    merge: bool = False
    """Merge into the base at the end of a round, which makes a new base; else the next round goes on with it."""


class Offload(Value):
    """ZeRO offload to host memory."""

    optimizer: bool = False
    parameters: bool = False
    """Needs ZeRO 3."""


class TrainingSettings(Value):
    """Fine-tuning of one round. Identity but for EXECUTION: threads, dtype and world size decide float results."""

    epochs: PositiveInt = 3
    """Passes over the round's examples; STAT's 3 (C.1). Ignored when max_tokens is set."""
    max_tokens: PositiveInt | None = None
    """Tokens (prompts included, padding not) to train on in a round: passes are repeated or cut to reach it, so that
    methods are compared at the same number of tokens. It ends with the step that reaches it."""
    batch_size: PositiveInt = 8
    """Examples in an optimizer step, over all workers and accumulation steps; STAT's 8 (C.1)."""
    micro_batch_size: PositiveInt = 2
    """Examples in one forward of one worker."""
    learning_rate: PositiveFloat = 2e-5
    """Peak; STAT picks one of {5e-4, 2e-4, 1e-4, 8e-5, 2e-5} per method (C.1)."""
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = Field(0.03, ge=0.0, lt=1.0)
    """Share of the steps; STAT's 3% (C.1)."""
    weight_decay: float = Field(0.1, ge=0.0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(0.3, ge=0.0)
    """Largest gradient norm; 0 turns clipping off. STAT's 0.3 (C.1)."""
    kl_to_start: NonNegativeFloat = 0.0
    """Weight of the divergence from the start model, in nats, that is added to the loss of each token: it holds what a
    student could do before. Needs `lora`, whose base without the adapter is the start model, and `zero_stage` up to 2.
    The papers train without it."""
    dtype: Literal["fp32", "bf16"] = "bf16"
    zero_stage: Literal[0, 1, 2, 3] = 2
    offload: Offload = Offload()
    lora: Lora | None = None
    gradient_checkpointing: bool = False
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    max_length: PositiveInt = 2048
    """Tokens; longer examples are dropped and counted, never cut (a cut answer teaches to stop short)."""
    num_workers: PositiveInt = 1
    threads: PositiveInt = 1
    """CPU threads of each worker."""
    step_timeout_s: PositiveFloat = 600.0
    """No step for this long means that the worker group hangs: it is ended, and a new one goes on from the last
    mid-round checkpoint."""
    checkpoint_every_s: NonNegativeFloat = 600.0
    """Seconds of training from one mid-round checkpoint to the next; 0 makes one after every step."""


class StageTraining(Value):
    """Settings of one stage of a student's `stages` that replace those of the run's `training`; None keeps them."""

    epochs: PositiveInt | None = None
    max_tokens: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    micro_batch_size: PositiveInt | None = None
    learning_rate: PositiveFloat | None = None
    schedule: Literal["cosine", "constant"] | None = None
    warmup: float | None = Field(None, ge=0.0, lt=1.0)
    kl_to_start: NonNegativeFloat | None = None

    def over(self, settings: TrainingSettings) -> TrainingSettings:
        """`settings` with what is set here."""
        return settings.model_copy(update=self.model_dump(exclude_none=True))
