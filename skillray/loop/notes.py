"""What a reader must know before believing a run's numbers: lines for the head of the report, from the config alone."""

from __future__ import annotations

from skillray.config.model import RunConfig

RECORDED = (
    "The diagnosed models are not the trained one: answers recorded from {recorded} were diagnosed, and {model} was "
    "fine-tuned on what they miss. Base scores are those of the recorded answers, later scores those of {model}."
)
SCORERS = {
    "outcome": (
        "Steps were not scored: every answer got one score, 1 or 0, by comparing its final answer with the reference "
        "(grading.scorer: outcome). This uses the ground truth and is not STAT's process reward model, which uses "
        "none: the reward filter says only right or wrong."
    ),
    "annotations": (
        "The last step of every answer was scored by comparing its final answer with the reference (grading.scorer: "
        "annotations). STAT's process reward model uses no ground truth."
    ),
}
"""Scorers that use the reference."""


def notes_of(config: RunConfig) -> list[str]:
    recorded = sorted({s.recorded for s in config.students if s.recorded})
    models = sorted({s.model for s in config.students if s.recorded})
    diagnosed = [RECORDED.format(recorded=", ".join(recorded), model=", ".join(models))] if recorded else []
    scorer = config.grading.scorer.type
    return [*diagnosed, *([SCORERS[scorer]] if scorer in SCORERS else [])]
