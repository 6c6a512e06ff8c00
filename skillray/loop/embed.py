"""Embeddings of questions: one unit vector each, by a Hugging Face model without its head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skillray.config.model import EmbeddingSettings
from skillray.grading.prm import batches
from skillray.store.schemas import EMBEDDINGS
from skillray.training.checkpoint import load_body, load_tokenizer

BATCH_TOKENS = 16_384
"""Of one forward pass, padding included."""
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Embed:
    """Stage: questions to embeddings (EMBEDDINGS schema)."""

    settings: EmbeddingSettings
    device: str

    def open(self) -> Callable[[pa.Table], pa.Table]:
        embedder = open_embedder(self.settings, self.device)

        def embed(questions: pa.Table) -> pa.Table:
            vectors_NH = embedder.vectors(questions["question"].to_pylist())
            offsets = np.arange(len(vectors_NH) + 1, dtype=np.int32) * vectors_NH.shape[1]
            lists = pa.ListArray.from_arrays(offsets, vectors_NH.reshape(-1))
            return pa.table({"question_id": questions["question_id"], "vector": lists}, schema=EMBEDDINGS)

        return embed


@dataclass(frozen=True, slots=True)
class Embedder:
    """Opened once in each worker."""

    settings: EmbeddingSettings
    tokenizer: Any
    body: Any

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """[texts, hidden], of length 1, so that a scalar product is the cosine."""
        ids = self._tokens(texts)
        found = np.zeros((len(texts), self.body.config.hidden_size), np.float32)
        for group in batches([len(one) for one in ids], BATCH_TOKENS):
            found[group] = self._forward([ids[place] for place in group])
        return found

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Cut to `max_length`; with pooling 'last', an end of text that is there whatever was cut."""
        room = min(self.settings.max_length, getattr(self.body.config, "max_position_embeddings", None) or 2**20)
        end = self.tokenizer.eos_token_id if self.settings.pooling == "last" else None
        ends = [] if end is None else [end]
        cut = self.tokenizer(list(texts), truncation=True, max_length=room - len(ends))["input_ids"]
        return [ids if ids[-1:] == ends else ids + ends for ids in cut] if ends else cut

    def _forward(self, group: Sequence[Sequence[int]]) -> Vectors:
        import torch

        device = next(self.body.parameters()).device
        ids_BT = torch.zeros((len(group), max(len(ids) for ids in group)), dtype=torch.long)
        mask_BT = torch.zeros_like(ids_BT)
        for row, ids in enumerate(group):  # padded on the right, and masked
            ids_BT[row, : len(ids)] = torch.tensor(ids)
            mask_BT[row, : len(ids)] = 1
        with torch.inference_mode():
            output = self.body(input_ids=ids_BT.to(device), attention_mask=mask_BT.to(device))
            pooled_BH = _pool(output.last_hidden_state.float(), mask_BT.to(device), self.settings.pooling)
            vectors: Vectors = torch.nn.functional.normalize(pooled_BH, dim=1).cpu().numpy()
        return vectors


def _pool(hidden_BTH: Any, mask_BT: Any, pooling: str) -> Any:
    lengths_B = mask_BT.sum(dim=1)
    if pooling == "last":
        return hidden_BTH[range(len(lengths_B)), lengths_B - 1]
    return (hidden_BTH * mask_BT[..., None]).sum(dim=1) / lengths_B[:, None]


def open_embedder(settings: EmbeddingSettings, device: str) -> Embedder:
    import torch

    torch.set_num_threads(settings.threads)
    body = load_body(settings.model, "bf16" if device == "cuda" else "fp32", settings.bidirectional)
    return Embedder(settings, load_tokenizer(settings.model), body.to(device).eval())


def embedding_here(settings: EmbeddingSettings | None) -> Callable[[Sequence[str]], Vectors] | None:
    """Outside of Ray, on the CPU of this process; None where no model is set."""
    return None if settings is None else open_embedder(settings, "cpu").vectors
