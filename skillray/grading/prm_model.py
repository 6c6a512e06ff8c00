"""A process reward model in memory: scores of all steps of many responses, in few forward passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skillray.grading.prm import Encoded, Prm, batches, control_token, encode

Item = tuple[str, Sequence[str]]
"""(question, its response's steps)"""
Scored = list[float] | str
"""One reward in [0, 1] a step, or why there are none."""
Score = Callable[[Sequence[Item]], list[Scored]]
"""A reward model, wherever it is."""


@dataclass(frozen=True, slots=True)
class PrmModel:
    """Opened once in each worker."""

    settings: Prm
    tokenizer: Any
    body: Any
    """The transformer without its head."""
    head: Any
    """Hidden states (N, H) -> logits (N, 2): bad, good."""
    max_length: int
    """Tokens that the model was made for."""

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """In order; a response that is longer than the model's context has none."""
        found: list[Scored] = [[] for _ in items]
        todo: list[tuple[int, Encoded]] = []
        for index, (question, steps) in enumerate(items):
            if not steps:
                continue
            if (forged := control_token(self.tokenizer, [question, *steps])) is not None:
                found[index] = f"{forged!r} in it is a control token of the reward model"
                continue
            encoded = encode(self.settings, self.tokenizer, question, steps)
            if len(encoded.ids) > self.max_length:
                found[index] = f"{len(encoded.ids)} tokens with its question; the reward model reads {self.max_length}"
            elif not encoded.places:
                found[index] = "it holds the mark that the reward model reads at steps"
            else:
                todo.append((index, encoded))
        for group in batches([len(encoded.ids) for _, encoded in todo], self.settings.max_batch_tokens):
            chosen = [todo[place] for place in group]
            for (index, _), scores in zip(chosen, self.forward([encoded for _, encoded in chosen]), strict=True):
                found[index] = scores
        return found

    def forward(self, group: Sequence[Encoded]) -> list[list[float]]:
        """Scores of each one's places, all in one pass."""
        import torch

        device = next(self.body.parameters()).device
        longest = max(len(encoded.ids) for encoded in group)
        ids_BT = torch.zeros((len(group), longest), dtype=torch.long)
        mask_BT = torch.zeros_like(ids_BT)
        for row, encoded in enumerate(group):  # padded on the right: causal attention never looks there
            ids_BT[row, : len(encoded.ids)] = torch.tensor(encoded.ids)
            mask_BT[row, : len(encoded.ids)] = 1
        rows = [row for row, encoded in enumerate(group) for _ in encoded.places]
        columns = [place for encoded in group for place in encoded.places]
        with torch.inference_mode():
            output = self.body(input_ids=ids_BT.to(device), attention_mask=mask_BT.to(device), use_cache=False)
            logits_N2 = self.head(
                output.last_hidden_state[rows, columns]
            ).float()  # logits of all tokens are never made
        good = iter(torch.softmax(logits_N2, dim=-1)[:, 1].tolist())
        return [[next(good) for _ in encoded.places] for encoded in group]
