"""How the tokens of an answer are picked: declared once, and meant alike by every engine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from skillray.types import Value

Penalty = Annotated[float, Field(ge=-2.0, le=2.0)]


class Sampling(Value):
    """What a model's own generation_config says about sampling is not in force: what stands here is, and nothing else.

    The seed is no part of it: every answer has its own, made from the run, the question and the sample.
    """

    temperature: NonNegativeFloat = 0.0
    """0 is greedy, which needs samples = 1. STAT uses 0.1 for pass@1 (arXiv 2510.10023, C.1)."""
    top_p: float = Field(1.0, gt=0.0, le=1.0)
    """Sample of the fewest likeliest tokens that have this probability together (arXiv 1904.09751, 3.1)."""
    top_k: NonNegativeInt = 0
    """Sample of this many likeliest tokens; 0 is all of them."""
    min_p: float = Field(0.0, ge=0.0, lt=1.0)
    """Sample of the tokens with at least this share of the likeliest one's probability (arXiv 2407.01082, 3)."""
    repetition_penalty: PositiveFloat = 1.0
    """Logits of tokens that the prompt or the answer has are divided by it, negative ones multiplied
    (arXiv 1909.05858, 4.1); 1 is none."""
    presence_penalty: Penalty = 0.0
    """Taken off the logit of every token that the answer has, once; OpenAI's, -2 to 2."""
    frequency_penalty: Penalty = 0.0
    """Taken off the logit of every token that the answer has, for each time; OpenAI's, -2 to 2."""
    max_new_tokens: PositiveInt = 512

    @property
    def alone(self) -> Sampling:
        """Of settings that have more fields, these."""
        return Sampling(**self.model_dump(include=set(Sampling.model_fields)))
