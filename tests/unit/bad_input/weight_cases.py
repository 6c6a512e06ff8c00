"""Model folders whose weights, tokenizer or adapter are not those of the model."""

from __future__ import annotations

import json
import math
from pathlib import Path

from tests.unit.bad_input.file_cases import rewrite
from tests.unit.bad_input.kinds import (
    LORA,
    MODEL,
    SHAPES,
    TABLES,
    field,
    model,
    question,
    tables,
    write_adapter,
    write_model,
    write_rows,
    write_weights,
)
from tests.unit.bad_input.scorer_cases import scorer, write_classifier

Q = "model.layers.0.self_attn.q_proj.weight"


def weigh(shapes: dict, value: float = 0.5, name: str = "model.safetensors") -> object:
    """The model with these weights instead."""
    return lambda folder: write_weights(folder / name, shapes, value)


def lacking(name: str, shapes: dict) -> dict:
    return {other: shape for other, shape in shapes.items() if other != name}


def pad_beyond(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<{n}>" for n in range(60)], special_tokens=True)
    tokenizer.pad_token = "<59>"
    tokenizer.save_pretrained(folder)


def write_embedder(folder: Path) -> None:
    """A student that is right, and an embedder beside it that gets spoilt."""
    write_model(folder)
    write_model(folder.parent / "e")


def write_long_question(path: Path) -> None:
    """Test questions of 2,000 tokens, and a model that is right beside them."""
    write_rows(path, [question(n, question=f"{'x ' * 1000}{n}?") for n in range(40)])
    write_model(path.parent / "m")


def write_learned(folder: Path) -> None:
    """A GPT-2 of 64 positions in place of the model."""
    width = 4
    layer = {
        "ln_1": (width,), "ln_2": (width,), "attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width),
        "mlp.c_fc": (width, 4 * width), "mlp.c_proj": (4 * width, width),
    }  # fmt: skip
    shapes = {"wte.weight": (304, width), "wpe.weight": (64, width), "ln_f.weight": (width,), "ln_f.bias": (width,)}
    for name, shape in layer.items():
        shapes |= {f"h.0.{name}.weight": shape, f"h.0.{name}.bias": shape[-1:]}
    write_weights(folder / "model.safetensors", shapes)
    sizes = {"n_embd": width, "n_layer": 1, "n_head": 1, "n_positions": 64, "vocab_size": 304}
    settings = sizes | {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    (folder / "config.json").write_text(json.dumps(settings | {"bos_token_id": None, "eos_token_id": None}))


HEAD = {"score.0.weight": (8, 4), "score.0.bias": (8,), "score.2.weight": (2, 8), "score.2.bias": (2,)}
AT = "students.0.model: model "
LAYERS = "training.lora.target_modules: "
CASES = [
    model("weights-lack-a-tensor", weigh(lacking(Q, SHAPES)), AT, f"its weights lack {Q} of the"),
    model("weights-under-other-names", weigh({f"x.{n}": s for n, s in SHAPES.items()}), AT, "called x.model.embed"),
    model("weights-of-another-shape", weigh(SHAPES | {Q: (8, 4)}), AT, f"{Q} is [8, 4] in its weights and [4, 4]"),
    model("weights-of-no-size", weigh(SHAPES | {Q: (0, 4)}), AT, f"{Q} is [0, 4] in its weights"),
    model("weights-nan", weigh(SHAPES, math.nan), AT, "holds NaN or infinity; restore its weights"),
    model("weights-infinite", weigh(SHAPES, -math.inf), AT, "holds NaN or infinity"),
    model("config-of-more-layers", rewrite("config.json", num_hidden_layers=2), AT, "lack model.layers.1."),
    model(
        "weights-of-more-layers", weigh(SHAPES | {Q.replace(".0.", ".1."): (4, 4)}), AT, "no use for model.layers.1."
    ),
    model("config-untied", rewrite("config.json", tie_word_embeddings=False), AT, "lack lm_head.weight of"),
    model("config-of-another-family", rewrite("config.json", model_type="qwen2"), AT, "its weights lack"),
    model("config-of-an-unknown-family", rewrite("config.json", model_type="none"), AT, "cannot be loaded"),
    model("config-pads-beyond", rewrite("config.json", pad_token_id=999), AT, "cannot be loaded", "Padding_idx"),
    model("index-names-nothing", lambda m: (m / "model.safetensors.index.json").write_text("{}"), AT, "names no files"),
    model("tokenizer-pads-beyond", pad_beyond, AT, "304 rows", "gives '<59>' the id"),
    model("tokenizer-damaged", lambda m: (m / "tokenizer.json").write_text("{}"), AT, "cannot be loaded"),
    model(
        "generation-settings-damaged",
        lambda m: (m / "generation_config.json").write_text("[1"),
        AT,
        "generation_config.json cannot be read",
    ),
    model(
        "weights-quantized",
        rewrite("config.json", quantization_config={"quant_method": "awq"}),
        AT,
        "set training.lora",
    ),
    model(
        "layers-misspelt",
        lambda m: None,
        LAYERS,
        "'q_porj'",
        "q_proj, k_proj",
        value="training.lora={target_modules: [q_porj]}",
    ),
    field("layers-of-the-embedded", "training.lora={target_modules: x}", LAYERS, "model embedded has no layer 'x'"),
    model(
        "adapter-under-other-names",
        weigh({f"x.{n}": s for n, s in LORA.items()}, name="adapter_model.safetensors"),
        AT,
        "the adapter lacks",
        write=write_adapter,
    ),
    model(
        "adapter-of-half",
        weigh(dict([*LORA.items()][:1]), name="adapter_model.safetensors"),
        AT,
        "the adapter lacks",
        write=write_adapter,
    ),
    model("adapter-nan", weigh(LORA, math.nan, "adapter_model.safetensors"), AT, "holds NaN", write=write_adapter),
    model(
        "adapter-base-lacks",
        lambda m: write_weights(m.parent / "base" / "model.safetensors", lacking(Q, SHAPES)),
        AT,
        "/base: its weights lack",
        write=write_adapter,
    ),
    model(
        "adapter-on-other-layers",
        lambda m: None,
        LAYERS,
        "is an adapter on q_proj",
        write=write_adapter,
        value="training.lora={target_modules: [v_proj]}",
    ),
    model(
        "adapter-of-prompts",
        rewrite(
            "adapter_config.json",
            peft_type="PROMPT_TUNING",
            target_modules=None,
            r=None,
            lora_alpha=None,
            num_virtual_tokens=4,
        ),
        AT,
        "PROMPT_TUNING cannot be merged",
        write=write_adapter,
    ),
    scorer(
        "prm-body-under-other-names",
        "token_prm",
        "grading.scorer.model: model ",
        "its weights lack",
        write=write_classifier,
        spoil=weigh({f"x.{n}": s for n, s in (SHAPES | HEAD).items()} | HEAD),
    ),
    scorer(
        "prm-head-without-bias",
        "token_prm",
        "score.2.bias of its head is missing, expected [2]",
        write=write_classifier,
        spoil=weigh(SHAPES | lacking("score.2.bias", HEAD)),
    ),
    scorer("prm-lacks-a-tensor", "chat_prm", f"its weights lack {Q} of", spoil=weigh(lacking(Q, SHAPES))),
    model(
        "embedder-under-other-names",
        lambda m: weigh({f"0.auto_model.{n}": s for n, s in SHAPES.items()})(m.parent / "e"),
        "embedding.model: model ",
        "its weights lack",
        write=write_embedder,
        value="embedding={model: ./e}",
    ),
    tables(
        "question-longer-than-the-model",
        AT,
        "has room for 1024 tokens, and the question 'x ",
        config=TABLES | {"students": MODEL["students"]},
        probe=write_long_question,
    ),
    model(
        "positions-fewer-than-training-takes",
        write_learned,
        "training.max_length is 2048",
        "64 positions",
        value="rollout.max_new_tokens=8",
    ),
]
