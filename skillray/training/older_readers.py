"""The rotary settings of config.json under the names that transformers 4 reads.

transformers 5 writes them as `rope_parameters` alone. A reader that does not know that name takes its own default,
10000 for Llama 3's theta of 500000, without a word. So the older names stand beside the new one, with the same values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BY_TYPE = ("linear", "dynamic", "longrope")
"""Kinds of scaling that transformers before 4.43 knows: it calls them `type`, and refuses further fields."""
_TOP_LEVEL = ("rope_theta", "partial_rotary_factor", "rope_type", "type")


def add_older_names(folder: str) -> None:
    """Add the older names to the config.json in `folder`, unless the installed version would then read other values."""
    from transformers import AutoConfig

    path = Path(folder) / "config.json"
    written = path.read_text()
    names = older_names(json.loads(written))
    if not names:
        return
    before = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    path.write_text(json.dumps(json.loads(written) | names, indent=2, sort_keys=True) + "\n")
    after = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    # The installed version reads older names too. Where they change its values, the file stays as it was.
    if _values(before.rope_parameters) != _values(after.rope_parameters):
        path.write_text(written)


def _values(rotary: Mapping[str, Any]) -> dict[str, Any]:
    """Rotary settings without `type`: transformers keeps it beside `rope_type`, with the same value."""
    return {name: value for name, value in rotary.items() if name != "type"}


def older_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values in `rope_parameters` under the names of transformers 4; empty for a config that has none."""
    rotary = config.get("rope_parameters")
    if not isinstance(rotary, dict) or not rotary:
        return {}
    if isinstance(full := rotary.get("full_attention"), dict):  # Gemma 3: one set for each kind of layer
        local = rotary.get("sliding_attention") or {}
        return _flat(full, config) | {"rope_local_base_freq": local.get("rope_theta")}
    return _flat(rotary, config) if "rope_theta" in rotary else {}


def _flat(rotary: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    kind, theta, share = rotary.get("rope_type", "default"), rotary["rope_theta"], rotary.get("partial_rotary_factor")
    names: dict[str, Any] = {"rope_theta": theta, "rope_scaling": None}
    if share is not None:
        names["partial_rotary_factor"] = share
    if config.get("model_type") == "gpt_neox":
        names |= {"rotary_emb_base": theta} | ({} if share is None else {"rotary_pct": share})
    if kind == "default":
        return names
    scaling = {name: value for name, value in rotary.items() if name not in _TOP_LEVEL}
    if kind == "longrope" and "original_max_position_embeddings" in scaling:
        names["original_max_position_embeddings"] = scaling.pop("original_max_position_embeddings")
    names["rope_scaling"] = {("type" if kind in _BY_TYPE else "rope_type"): kind} | scaling
    return names
