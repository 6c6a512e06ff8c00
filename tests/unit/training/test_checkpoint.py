from __future__ import annotations

from pathlib import Path

import pytest
import torch

from skillray.errors import ConfigError, DataError, MissingExtraError, StageError
from skillray.store.fence import UNFENCED
from skillray.training.checkpoint import (
    checkpoint_complete,
    is_adapter,
    load_for_training,
    load_model,
    resolve_model,
    verify_checkpoint,
    weights_hash,
)
from skillray.training.saving import publish
from skillray.training.settings import Lora, TrainingSettings
from tests.tiny import save_tiny_student

SETTINGS = TrainingSettings(dtype="fp32")


@pytest.fixture
def student(tmp_path: Path) -> str:
    return save_tiny_student(tmp_path / "student", layers=1)


def save(student: str, folder: Path, factor: float = 1.0, lora: Lora | None = None) -> str:
    settings = SETTINGS.model_copy(update={"lora": lora})
    model = load_for_training(student, settings)
    trained = [(name, parameter.detach()) for name, parameter in model.named_parameters() if parameter.requires_grad]
    state = {name: (torch.full_like(tensor, 0.1) if "lora_B" in name else tensor) * factor for name, tensor in trained}
    publish(model, state, settings, student, str(folder), UNFENCED)
    return str(folder)


def test_a_published_checkpoint_is_complete_and_keeps_its_weights(student: str, tmp_path: Path) -> None:
    saved = save(student, tmp_path / "round-000" / "checkpoint")
    assert checkpoint_complete(saved)
    verify_checkpoint(saved)
    assert weights_hash(saved) == weights_hash(student)
    assert weights_hash(save(student, tmp_path / "other", factor=2.0)) != weights_hash(student)
    assert sorted(path.name for path in (tmp_path / "round-000").iterdir()) == ["checkpoint"]  # no draft is left


def test_weights_that_are_not_finite_are_not_published(student: str, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="is not finite"):
        save(student, tmp_path / "checkpoint", factor=float("nan"))
    assert not (tmp_path / "checkpoint").exists()


def test_a_flipped_byte_is_found(student: str, tmp_path: Path) -> None:
    saved = save(student, tmp_path / "checkpoint")
    weights = tmp_path / "checkpoint" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(DataError, match=r"model\.safetensors is missing or differs"):
        verify_checkpoint(saved)


def test_a_cut_off_file_is_refused_in_one_line(student: str) -> None:
    weights = Path(student) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"^model .*student cannot be loaded .*: restore the folder$"):
        load_model(student)


def test_a_missing_folder_is_refused_without_asking_the_hub() -> None:
    with pytest.raises(DataError, match=r"^model /nowhere/student: there is no such folder"):
        resolve_model("/nowhere/student")


def test_a_folder_without_safetensors_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no \*\.safetensors file"):
        weights_hash(str(tmp_path))


def test_the_next_round_goes_on_with_the_adapter_or_with_what_it_makes_of_its_base(
    student: str, tmp_path: Path
) -> None:
    lora = Lora(rank=4, alpha=8.0)
    first = save(student, tmp_path / "first", lora=lora)
    goes_on = load_for_training(first, SETTINGS.model_copy(update={"lora": lora}))
    trained = {name: tensor for name, tensor in goes_on.named_parameters() if tensor.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    assert all(bool((tensor == 0.1).all()) for name, tensor in trained.items() if "lora_B" in name)

    merged = save(first, tmp_path / "merged", lora=lora.model_copy(update={"merge": True}))
    assert is_adapter(first)
    assert not is_adapter(merged)
    expected = dict(goes_on.eval().merge_and_unload().named_parameters())
    for start in (first, merged):  # merged when loaded, merged when saved
        whole = dict(load_for_training(start, SETTINGS).named_parameters())
        assert whole.keys() == expected.keys()
        assert all(tensor.requires_grad and torch.equal(tensor, expected[name]) for name, tensor in whole.items())


def test_another_shape_than_the_adapters_is_refused(student: str, tmp_path: Path) -> None:
    first = save(student, tmp_path / "first", lora=Lora(rank=4, alpha=8.0))
    with pytest.raises(ConfigError, match=r"the adapter to go on with has rank 4 and alpha 8, the config 2 and 8"):
        load_for_training(first, SETTINGS.model_copy(update={"lora": Lora(rank=2, alpha=8.0)}))


def test_an_adapter_whose_base_has_changed_is_refused(student: str, tmp_path: Path) -> None:
    first = save(student, tmp_path / "first", lora=Lora(rank=4))
    save_tiny_student(Path(student), layers=1, seed=1)
    goes_on = SETTINGS.model_copy(update={"lora": Lora(rank=4)})
    for load in (load_model, lambda folder: load_for_training(folder, goes_on)):
        with pytest.raises(DataError, match=r"its base model .* has changed since"):
            load(first)


@pytest.mark.parametrize("lora", [None, Lora(rank=2)])
@pytest.mark.parametrize("wanted", [False, True])
def test_gradient_checkpointing_runs_a_layer_again_in_the_backward_pass(
    student: str, lora: Lora | None, wanted: bool
) -> None:
    settings = SETTINGS.model_copy(update={"lora": lora, "gradient_checkpointing": wanted})
    model, runs = load_for_training(student, settings).train(), []
    (norm,) = (m for name, m in model.named_modules() if name.endswith("post_attention_layernorm"))
    norm.register_forward_hook(lambda *_: runs.append(norm))
    model(input_ids=torch.tensor([[5, 6, 7]]), use_cache=False).logits.sum().backward()
    assert len(runs) == (2 if wanted else 1)


def test_a_missing_attention_package_is_one_line_with_the_command(student: str) -> None:
    settings = SETTINGS.model_copy(update={"attention": "flash_attention_2"})
    with pytest.raises(
        MissingExtraError, match=r"^training\.attention: .*: pip install flash-attn .*; or set it to sdpa$"
    ):
        load_for_training(student, settings)


def test_attention_is_the_one_that_was_asked_for(student: str) -> None:
    for attention in ("sdpa", "eager"):
        settings = SETTINGS.model_copy(update={"attention": attention})
        assert load_for_training(student, settings).config._attn_implementation == attention


QLORA = SETTINGS.model_copy(update={"lora": Lora(quantize="nf4", dropout=0.0)})


def test_four_bits_without_the_package_say_how_to_install_it(student: str, monkeypatch) -> None:
    monkeypatch.setattr("skillray.training.checkpoint.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"^training\.lora\.quantize: .*: pip install 'skillray\[qlora\]'; or"):
        load_for_training(student, QLORA)


def test_the_frozen_base_has_four_bits_and_the_adapter_has_all(student: str) -> None:
    pytest.importorskip("bitsandbytes", reason="the extra `qlora` is not installed")
    model, plain = load_for_training(student, QLORA), load_model(student)
    layer, dense = model.get_base_model().model.layers[0].mlp.up_proj, plain.model.layers[0].mlp.up_proj
    packed = layer.base_layer.weight
    assert packed.dtype is torch.uint8 and packed.numel() * 2 == dense.weight.numel()
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    ids = torch.arange(20, 60)[None]
    with torch.inference_mode():
        apart = (model(ids).logits - plain(ids).logits).abs().max() / plain(ids).logits.abs().max()
    assert 0 < apart < 0.3  # rounded to 16 levels: near, and not the same
