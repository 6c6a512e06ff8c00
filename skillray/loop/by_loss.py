"""The order of study by loss: skills whose passages surprise the student least come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import OrderKind
from skillray.grading.prm import batches
from skillray.store.schemas import LOSSES
from skillray.store.tables import Table

BATCH_TOKENS = 4_096
"""Of one forward pass, padding included: the logits of a vocabulary of 128k are then 2 GiB."""


@dataclass(frozen=True)
class PassageLosses:
    """Stage: drafts to the mean loss of every passage (LOSSES schema) under the student as it is. Of all that were
    written and may be studied: more than the target has, the order of a skill is no worse for it.
    """

    model: str
    threads: int
    max_length: int
    """Tokens; what is longer is never an example."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        import torch

        from skillray.training.checkpoint import load_model

        torch.set_num_threads(self.threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = load_model(self.model, dtype="bf16" if device == "cuda" else "fp32").to(device).eval()

        def losses(drafts: pa.Table) -> pa.Table:
            passages = drafts.filter(pc.equal(drafts["origin"], OrderKind.TEXTBOOK))
            passages = passages.filter(pc.is_null(passages["refused"]))
            passages = passages.filter(pc.less_equal(pc.list_value_length(passages["input_ids"]), self.max_length))
            columns = {
                "example_id": passages["example_id"],
                "skill": pc.list_element(passages["skills"], 0),
                "loss": mean_losses(model, passages["input_ids"].to_pylist()),
            }
            return pa.table(columns, schema=LOSSES)

        return losses


def mean_losses(model: Any, texts: Sequence[Sequence[int]]) -> list[float]:
    """Nats for each token of a text but its first."""
    import torch

    found, device = [0.0] * len(texts), next(model.parameters()).device
    for group in batches([len(text) for text in texts], BATCH_TOKENS):
        ids_BT = torch.zeros((len(group), max(len(texts[place]) for place in group)), dtype=torch.long)
        mask_BT = torch.zeros_like(ids_BT)
        for row, place in enumerate(group):  # padded on the right, and masked
            ids_BT[row, : len(texts[place])] = torch.tensor(list(texts[place]))
            mask_BT[row, : len(texts[place])] = 1
        ids_BT, mask_BT = ids_BT.to(device), mask_BT.to(device)
        with torch.inference_mode():
            logits = model(input_ids=ids_BT, attention_mask=mask_BT).logits[:, :-1].float()
            nll_BT = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids_BT[:, 1:], reduction="none")
            means_B = (nll_BT * mask_BT[:, 1:]).sum(dim=1) / mask_BT[:, 1:].sum(dim=1)
        for place, mean in zip(group, means_B.tolist(), strict=True):
            found[place] = mean
    return found


def units_by_loss(losses: Sequence[Table]) -> dict[str, int]:
    """Skill -> its place in the order of study: the smallest mean over its passages first, ties by name."""
    rows = pa.concat_tables([table.read(["skill", "loss"]) for table in losses])
    means = rows.group_by("skill", use_threads=False).aggregate([("loss", "mean")]).to_pylist()
    ordered = sorted(means, key=lambda row: (row["loss_mean"], row["skill"]))
    return {row["skill"]: unit for unit, row in enumerate(ordered)}


def with_units(examples: pa.Table, units: Mapping[str, int]) -> pa.Table:
    """Passages in their skill's unit; what is replayed stays where it is."""
    rows = examples.select(["origin", "skills", "unit"]).to_pylist()
    found = [units[row["skills"][0]] if row["origin"] == OrderKind.TEXTBOOK else row["unit"] for row in rows]
    place = examples.schema.get_field_index("unit")
    return examples.set_column(place, examples.schema.field(place), pa.array(found, pa.int32()))
