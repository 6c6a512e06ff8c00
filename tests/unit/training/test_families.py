"""What transformers writes of many families is trained, adapted and exported; and is read the same by older readers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from skillray.store.fence import UNFENCED
from skillray.training.checkpoint import load_for_training, load_model
from skillray.training.rehearsal import refuse_unknown_tokens, rehearse_export, rehearse_language_model
from skillray.training.saving import publish
from skillray.training.settings import Lora, TrainingSettings
from tests.families import FAMILIES, logits_of, save_family

LAYERS = {
    "phi3": {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"},
    "phi": {"q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"},
    "opt": {"q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"},
    "gpt2": {"c_attn", "c_proj", "c_fc"},
    "gpt_neox": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
    "falcon": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
    "mixtral": {"q_proj", "k_proj", "v_proj", "o_proj"},
    "qwen3_moe": {"q_proj", "k_proj", "v_proj", "o_proj"},
}
USUAL = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_rehearsed_adapted_and_exported(family: str, tmp_path: Path) -> None:
    student = save_family(tmp_path / "student", family)
    skeleton = rehearse_language_model(student, "model s")
    refuse_unknown_tokens(skeleton, student, "model s", pads=True)
    rehearse_export(skeleton, student, "model s")

    settings = TrainingSettings(dtype="fp32", lora=Lora(rank=2, merge=True))
    adapted = load_for_training(student, settings)
    names = {name.split(".lora_")[0].rpartition(".")[2] for name, _ in adapted.named_parameters() if "lora_" in name}
    assert names == LAYERS.get(family, USUAL)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.02)
    state = {name: tensor.detach() for name, tensor in adapted.named_parameters() if tensor.requires_grad}
    expected, before = logits_of(adapted), logits_of(load_model(student))
    merged = str(tmp_path / "merged")
    publish(adapted, state, settings, student, merged, UNFENCED)
    assert (expected - before).abs().max() > 0.01
    torch.testing.assert_close(logits_of(load_model(merged)), expected, rtol=0, atol=2e-4)
    rehearse_language_model(merged, "model m")


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("opt", "gpt2")])
def test_rotary_settings_stand_under_their_older_names_too(family: str, tmp_path: Path) -> None:
    student = save_family(tmp_path / "student", family)
    settings = TrainingSettings(dtype="fp32")
    model = load_for_training(student, settings)
    state = {name: tensor.detach() for name, tensor in model.named_parameters()}
    publish(model, state, settings, student, str(tmp_path / "out"), UNFENCED)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    rotary = config["rope_parameters"]
    assert config["rope_theta"] == rotary.get("full_attention", rotary)["rope_theta"]
    read = load_model(str(tmp_path / "out")).config.rope_parameters
    assert {name: value for name, value in read.items() if name != "type"} == model.config.rope_parameters
    torch.testing.assert_close(logits_of(load_model(str(tmp_path / "out"))), logits_of(model), rtol=0, atol=0)
