"""Tiny random causal language models of many families, each with the names that its published checkpoints have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny import tiny_tokenizer

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
OWN: dict[str, dict[str, Any]] = {
    "gemma2": {"head_dim": 8},
    "gemma3_text": {"head_dim": 8, "layer_types": ["sliding_attention", "full_attention"]},
    "qwen3": {"head_dim": 8},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "mixtral": {"num_local_experts": 2, "num_experts_per_tok": 1},
    "llama3": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    },
    "llama-linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 20000.0}},
    "qwen3_moe": {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16, "head_dim": 8},
}
FAMILIES = {
    "llama": "llama", "llama3": "llama", "llama-linear": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
    "gemma2": "gemma2", "gemma3_text": "gemma3_text", "phi": "phi", "phi3": "phi3", "opt": "opt", "gpt2": "gpt2",
    "gpt_neox": "gpt_neox", "mistral": "mistral", "olmo2": "olmo2", "falcon": "falcon", "stablelm": "stablelm",
    "mixtral": "mixtral", "qwen3_moe": "qwen3_moe",
}  # fmt: skip
"""Name to model_type."""


def save_family(folder: Path, family: str, seed: int = 0, **more: Any) -> str:
    """A Hugging Face folder of a model whose weights are all other numbers, biases and norms among them."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = tiny_tokenizer()
    ids = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    sizes = SIZES | OWN.get(family, {}) | ids | {"vocab_size": len(tokenizer)} | more
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(FAMILIES[family], **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def logits_of(model: Any) -> Any:
    """Of one short text, by a model in evaluation."""
    import torch

    with torch.inference_mode():
        return model.eval()(torch.arange(20, 40)[None]).logits.float()
