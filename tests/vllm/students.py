"""Students made of the embedded one."""

from __future__ import annotations

from pathlib import Path

from skillray.domains.arithmetic import STUDENT_FOLDER
from skillray.training.checkpoint import load_model, load_tokenizer


def save_changed(folder: Path) -> str:
    """As after some training: every weight is another one."""
    import torch

    model = load_model(STUDENT_FOLDER)
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(1 + 0.05 * torch.randn_like(weights))
    return _save(model, folder)


def save_adapter(folder: Path, seed: int) -> str:
    """LoRA, as a round leaves it."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(load_model(STUDENT_FOLDER), lora)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.05)
    model.peft_config["default"].base_model_name_or_path = "embedded"
    return _save(model, folder)


def _save(model: object, folder: Path) -> str:
    model.save_pretrained(folder)  # type: ignore[attr-defined]
    load_tokenizer(STUDENT_FOLDER).save_pretrained(folder)
    return str(folder)
