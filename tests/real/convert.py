"""GGUF weights to a Hugging Face folder, by transformers: `convert.py GGUF_FILE FOLDER`, with gguf on PYTHONPATH.

A process of its own: gguf is no dependency of the project, and the weights are twice in memory for a moment.
"""

from __future__ import annotations

import sys
from pathlib import Path


def convert(weights: Path, folder: Path) -> None:
    """Dequantised, in bf16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place, name = str(weights.parent), weights.name
    model = AutoModelForCausalLM.from_pretrained(place, gguf_file=name, dtype=torch.bfloat16)
    # The quantiser has done its work, and would now refuse to save.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(place, gguf_file=name).save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
