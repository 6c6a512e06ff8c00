"""Weights, tokenizers and adapters that are not those of their model are refused by name; what is published is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from skillray.errors import ConfigError, DataError
from skillray.store.fence import UNFENCED
from skillray.training.checkpoint import load_body, load_for_training, load_model
from skillray.training.rehearsal import (
    absolute_room,
    refuse_unknown_tokens,
    refuse_weights_not_finite,
    rehearse_body,
    rehearse_export,
    rehearse_language_model,
)
from skillray.training.saving import publish
from skillray.training.settings import Lora, TrainingSettings
from skillray.training.targets import target_names
from tests.families import logits_of, save_family
from tests.tiny import save_tiny_bert
from tests.unit.training.test_checkpoint import save

Weights = dict[str, torch.Tensor]
Q = "model.layers.0.self_attn.q_proj.weight"


def change(folder: str, edit: Callable[[Weights], Weights], name: str = "model.safetensors") -> None:
    path = Path(folder) / name
    save_file(edit(load_file(path)), path, {"format": "pt"})


def rename(prefix: str) -> Callable[[Weights], Weights]:
    return lambda weights: {prefix + name: tensor for name, tensor in weights.items()}


def without(*names: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: tensor for name, tensor in weights.items() if name not in names}


def with_tensor(name: str, tensor: torch.Tensor) -> Callable[[Weights], Weights]:
    return lambda weights: weights | {name: tensor}


def settings(folder: str, name: str = "config.json", **changes: Any) -> None:
    path = Path(folder) / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def student(tmp_path: Path) -> str:
    """Llama with a head of its own."""
    return save_family(tmp_path / "student", "llama")


WRONG = {
    "compiled": (
        rename("_orig_mod."),
        r"lack lm_head.weight and 20 more .*lm_head.weight is called _orig_mod.lm_head.weight",
    ),
    "wrapped": (rename("module."), r"called module.lm_head.weight"),
    "peft": (rename("base_model.model."), r"called base_model.model.lm_head.weight"),
    "no-head": (without("lm_head.weight"), r"its weights lack lm_head.weight of the 21 tensors of LlamaForCausalLM;"),
    "no-embedding": (without("model.embed_tokens.weight"), r"lack model.embed_tokens.weight of"),
    "no-matrix": (without(Q), rf"lack {Q} of"),
    "misshapen": (with_tensor(Q, torch.ones(16, 32)), rf"{Q} is \[16, 32\] in its weights and \[32, 32\] by config"),
    "empty": (with_tensor(Q, torch.ones(0, 32)), rf"{Q} is \[0, 32\]"),
    "one-layer-more": (
        with_tensor(Q.replace(".0.", ".2."), torch.ones(32, 32)),
        r"no use for model.layers.2.self",
    ),
    "biases": (
        with_tensor(Q.replace("weight", "bias"), torch.ones(32)),
        r"no use for .*q_proj.bias",
    ),
    "norms": (with_tensor(Q.replace("proj", "norm"), torch.ones(8)), r"no use for model.layers.0.self_attn.q_norm"),
}


@pytest.mark.parametrize("case", WRONG)
def test_weights_that_are_not_the_models_are_named(case: str, student: str) -> None:
    edit, message = WRONG[case]
    change(student, edit)
    with pytest.raises(DataError, match=f"^model s: .*{message}"):
        rehearse_language_model(student, "model s")
    with pytest.raises(DataError):  # and when it is loaded, for a model that was downloaded
        load_model(student)


def test_a_config_of_more_or_fewer_layers_than_the_file_is_refused(student: str) -> None:
    settings(student, num_hidden_layers=3)
    with pytest.raises(DataError, match=r"lack model.layers.2.input_layernorm.weight and 8 more"):
        rehearse_language_model(student, "model s")
    settings(student, num_hidden_layers=1)
    with pytest.raises(DataError, match=r"no use for model.layers.1.input_layernorm.weight and 8 more"):
        rehearse_language_model(student, "model s")


RIGHT = {
    "no prefix": lambda weights: {name.removeprefix("model."): tensor for name, tensor in weights.items()},
    "old frequencies": with_tensor("model.layers.0.self_attn.rotary_emb.inv_freq", torch.ones(4)),
    "zero biases": with_tensor(Q.replace("weight", "bias"), torch.zeros(32)),
    "stored mask": with_tensor("model.layers.0.self_attn.bias", torch.ones(1, 1, 4, 4)),
    "a value head": with_tensor("v_head.summary.weight", torch.ones(1, 32)),
    "a tower": with_tensor("visual.blocks.0.norm1.weight", torch.ones(8)),
    "scales of a cache": with_tensor("model.layers.0.self_attn.k_scale", torch.ones(1)),
    "more tokens at once": with_tensor("mtp.layers.0.eh_proj.weight", torch.ones(32, 32)),
}


@pytest.mark.parametrize("case", RIGHT)
def test_weights_that_published_models_have_beyond_their_class_are_no_fault(case: str, student: str) -> None:
    expected = logits_of(load_model(student))
    change(student, RIGHT[case])
    rehearse_language_model(student, "model s")
    assert torch.equal(logits_of(load_model(student)), expected)


@pytest.mark.parametrize("both", [False, True])
def test_a_tied_model_may_have_its_head_in_the_file_or_not(both: bool, tmp_path: Path) -> None:
    student = save_family(tmp_path / "student", "llama", tie_word_embeddings=True)
    if both:
        change(student, lambda weights: weights | {"lm_head.weight": weights["model.embed_tokens.weight"].clone()})
    rehearse_language_model(student, "model s")
    load_model(student)


def test_shards_are_read_by_their_index_and_other_files_are_not(tmp_path: Path, student: str) -> None:
    expected = logits_of(model := load_model(student))
    model.save_pretrained(student, max_shard_size="20KB")
    (Path(student) / "model.safetensors").unlink(missing_ok=True)
    assert len(list(Path(student).glob("model-*.safetensors"))) > 2
    save_file({"other": torch.ones(1)}, Path(student) / "consolidated.safetensors")
    rehearse_language_model(student, "model s")
    assert torch.equal(logits_of(load_model(student)), expected)
    shard = sorted(path.name for path in Path(student).glob("model-*.safetensors"))[0]
    change(student, rename("x."), shard)
    with pytest.raises(DataError, match="its weights lack"):
        rehearse_language_model(student, "model s")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_that_are_no_numbers_are_named(value: float, dtype: torch.dtype, student: str) -> None:
    wrong = torch.ones(32, 32, dtype=dtype)
    wrong[3, 5] = value
    change(student, with_tensor(Q, wrong))
    for look in (lambda: refuse_weights_not_finite(student, "model s"), lambda: load_model(student)):
        with pytest.raises(DataError, match=rf"{Q} holds NaN or infinity; restore its weights"):
            look()
    refuse_weights_not_finite(student, "model s", most=1000)  # a larger file is left to the run


def test_an_encoder_needs_no_pooler_and_all_of_its_layers(tmp_path: Path) -> None:
    folder = save_tiny_bert(tmp_path / "bert")
    change(folder, without("pooler.dense.weight", "pooler.dense.bias"))
    rehearse_body(folder, "model b")
    load_body(folder, "fp32", bidirectional=False)
    change(folder, rename("0.auto_model."))
    for look in (lambda: rehearse_body(folder, "model b"), lambda: load_body(folder, "fp32", False)):
        with pytest.raises(DataError, match=r"its weights lack embeddings.LayerNorm.bias and"):
            look()


A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
ADAPTERS = {
    "other-names": (
        lambda weights: {name.replace("model.layers", "language_model.layers"): w for name, w in weights.items()},
        "the adapter lacks .*called base_model.model.language_model.layers",
    ),
    "half": (without(A), "the adapter lacks base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight"),
    "another-rank": (with_tensor(A, torch.ones(3, 32)), r"does not fit its base \(.*size mismatch|does not fit"),
    "a-layer-more": (with_tensor(A.replace(".0.", ".7."), torch.ones(2, 32)), "its base has no layer for .*layers.7"),
}


@pytest.mark.parametrize("case", ADAPTERS)
def test_an_adapter_that_is_not_of_its_base_is_refused(case: str, student: str, tmp_path: Path) -> None:
    adapter = save(student, tmp_path / "adapter", lora=Lora(rank=2, target_modules=("q_proj",)))
    assert rehearse_language_model(adapter, "model a").adapted == ("q_proj",)
    edit, message = ADAPTERS[case]
    change(adapter, edit, "adapter_model.safetensors")
    with pytest.raises(DataError, match=message):
        rehearse_language_model(adapter, "model a")
    (Path(adapter) / "manifest.json").unlink()
    with pytest.raises(DataError):
        load_model(adapter)


def test_an_adapter_whose_base_has_other_sizes_is_refused(student: str, tmp_path: Path) -> None:
    adapter = save(student, tmp_path / "adapter", lora=Lora(rank=2))
    save_family(Path(student), "llama", hidden_size=64)
    with pytest.raises(DataError, match=r"^model a: its adapter does not fit its base"):
        rehearse_language_model(adapter, "model a")


TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}{{ m['content'] }}<|im_end|>{% endfor %}"


def add_tokens(folder: str, tokens: list[str], special: bool, **more: Any) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(tokens, special_tokens=special)
    for name, value in more.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize(
    ("tokens", "special", "more"),
    [
        (["[PAD]"], True, {"pad_token": "[PAD]"}),
        (["<|im_start|>", "<|im_end|>"], True, {"chat_template": TEMPLATE}),
        (["zebra"], False, {}),
        (["<eos>"], True, {"eos_token": "<eos>"}),
    ],
)
def test_tokens_beyond_the_embedding_are_refused(tokens: list[str], special: bool, more: Any, student: str) -> None:
    skeleton = rehearse_language_model(student, "model s")
    refuse_unknown_tokens(skeleton, student, "model s", pads=True)
    add_tokens(student, tokens, special, **more)
    with pytest.raises(DataError, match=r"260 rows, and the tokenizer gives '.*' the id 26\d; resize the embedding"):
        refuse_unknown_tokens(skeleton, student, "model s", pads=True)


def test_a_control_token_beyond_the_embedding_that_nothing_writes_is_no_fault(student: str) -> None:
    add_tokens(student, ["<image_soft_token>"], True)  # Gemma 3's text models have it
    refuse_unknown_tokens(rehearse_language_model(student, "model s"), student, "model s", pads=True)


GENERATION = {
    "llama-2": {"temperature": 0.9, "top_p": 0.6},
    "top-k": {"top_k": 40},
    "no-beams": {"length_penalty": 0.8, "early_stopping": True},
    "cold": {"do_sample": True, "temperature": 0.0},
    "pad": {"pad_token_id": -1},
}


@pytest.mark.parametrize("case", GENERATION)
@pytest.mark.parametrize("lora", [None, Lora(rank=2, merge=True)])
def test_generation_settings_that_transformers_refuses_to_write_are_exported_as_they_are(
    case: str, lora: Lora | None, student: str, tmp_path: Path
) -> None:
    path = Path(student) / "generation_config.json"
    path.write_text(json.dumps(GENERATION[case] | {"eos_token_id": [1, 2]}))
    rehearse_export(rehearse_language_model(student, "model s"), student, "model s")
    out = save(student, tmp_path / "out", lora=lora)
    assert (Path(out) / "generation_config.json").read_bytes() == path.read_bytes()


def test_generation_settings_in_config_json_are_exported_beside_it(student: str, tmp_path: Path) -> None:
    (Path(student) / "generation_config.json").unlink()
    settings(student, temperature=0.7, top_p=0.9)
    rehearse_export(rehearse_language_model(student, "model s"), student, "model s")
    out = Path(save(student, tmp_path / "out"))
    assert json.loads((out / "generation_config.json").read_text())["temperature"] == 0.7
    assert "temperature" not in json.loads((out / "config.json").read_text())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("target", ["lm_head", "embed_tokens"])
@pytest.mark.parametrize("merge", [True, False])
def test_an_adapter_on_the_head_or_the_embedding_answers_as_it_was_trained(
    tied: bool, target: str, merge: bool, tmp_path: Path
) -> None:
    student = save_family(tmp_path / "student", "llama", tie_word_embeddings=tied)
    run = TrainingSettings(dtype="fp32", lora=Lora(rank=2, merge=merge, target_modules=("q_proj", target)))
    adapted = load_for_training(student, run)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3)
    state = {name: tensor.detach() for name, tensor in adapted.named_parameters() if tensor.requires_grad}
    expected, out = logits_of(adapted), str(tmp_path / "out")
    publish(adapted, state, run, student, out, UNFENCED)
    assert (expected - logits_of(load_model(student))).abs().max() > 0.5
    torch.testing.assert_close(logits_of(load_model(out)), expected, rtol=0, atol=1e-3)
    rehearse_language_model(out, "model o")


def test_adapter_layers_are_named_by_end_expression_or_shorthand(student: str) -> None:
    model = rehearse_language_model(student, "model s").model
    attention = ["q_proj", "v_proj"]
    for targets in (
        attention,
        [r".*self_attn\.(q|v)_proj"],
        ["self_attn.q_proj", r"model\.layers\.\d\.self_attn\.v_.*"],
    ):
        assert target_names(model, targets, "model s") == attention
    assert target_names(model, ["layers.1.self_attn.q_proj"], "model s") == ["model.layers.1.self_attn.q_proj"]
    assert len(target_names(model, ["all-linear"], "model s")) == 7
    assert "lm_head" in target_names(model, ["all-linear", "lm_head"], "model s")


@pytest.mark.parametrize(
    ("family", "targets", "names"),
    [
        ("llama", ("q_proj", "c_attn"), r"has no layer 'c_attn' .*; it has q_proj, k_proj, v_proj, o_proj, gate_proj"),
        ("llama", ("q_porj",), r"has no layer 'q_porj'"),
        ("llama", ("self_attn",), r"has no layer 'self_attn' that can get an adapter"),
        ("llama", ("norm",), r"has no layer 'norm'"),
        ("llama", (".*attention.*",), r"has no layer '\.\*attention\.\*'"),
        ("phi3", ("q_proj", "o_proj"), r"has no layer 'q_proj' .*; it has o_proj, qkv_proj, gate_up_proj, down_proj"),
        ("gpt2", ("q_proj",), r"it has c_attn, c_proj, c_fc; or"),
        ("gpt_neox", ("o_proj",), r"it has query_key_value, dense, dense_h_to_4h, dense_4h_to_h; or"),
        ("opt", ("o_proj",), r"it has k_proj, v_proj, q_proj, out_proj, fc1, fc2; or"),
    ],
)
def test_layers_that_a_model_lacks_are_refused_with_those_it_has(
    family: str, targets: tuple[str, ...], names: str, tmp_path: Path
) -> None:
    student = save_family(tmp_path / "student", family)
    with pytest.raises(ConfigError, match=f"^training.lora.target_modules: .*{names}"):
        target_names(rehearse_language_model(student, "model s").model, targets, "model s")
    run = TrainingSettings(dtype="fp32", lora=Lora(target_modules=targets))
    with pytest.raises(ConfigError, match=names):
        load_for_training(student, run)


@pytest.mark.parametrize(("family", "room"), [("llama", None), ("gpt2", 128), ("opt", 128), ("gpt_neox", None)])
def test_positions_that_are_an_embedding_are_known(family: str, room: int | None, tmp_path: Path) -> None:
    assert absolute_room(rehearse_language_model(save_family(tmp_path / "s", family), "model s")) == room
