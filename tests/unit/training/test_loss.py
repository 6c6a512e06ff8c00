"""Losses against cross-entropy over all logits at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from skillray.training import loss
from skillray.training.loss import ExampleLosses

VOCABULARY, HIDDEN = 300, 32
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "pad_token_id": 0,
    "attn_implementation": "eager",
}
POSITIONS = torch.arange(1, 9)
MASK = torch.tensor([[True] * 8, [False, True, True, False, False, True, False, False]])


def model_of(family: str, **changes: Any) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SIZES | changes))


def batch(vocabulary: int = VOCABULARY) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, vocabulary, (2, 10), generator=torch.Generator().manual_seed(1))
    return ids, ids[:, POSITIONS + 1]


def reference(model: Any, ids: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor = MASK) -> torch.Tensor:
    logits = model(input_ids=ids, use_cache=False).logits[:, POSITIONS]
    nll = torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none")
    return (nll * mask).sum(dim=1)


def gradients(model: Any, losses: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    (losses @ torch.tensor([1.0, 3.0])).backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


# Gemma 2 caps its logits and Granite scales them: those are not the head's own.
@pytest.mark.parametrize(
    ("family", "changes", "fused"),
    [
        ("llama", {}, True),
        ("llama", {"tie_word_embeddings": True}, True),
        ("qwen3", {}, True),
        ("mixtral", {}, True),
        ("gemma2", {"final_logit_softcapping": 0.05}, False),
        ("granite", {"logits_scaling": 0.5}, False),
    ],
)
@pytest.mark.parametrize("block", [2**26, 3 * VOCABULARY])  # all tokens at once, and three at a time
def test_losses_and_gradients_are_those_of_all_logits(
    monkeypatch: pytest.MonkeyPatch, family: str, changes: dict[str, Any], fused: bool, block: int
) -> None:
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", block)
    model, (ids, targets) = model_of(family, **changes), batch()
    expected = reference(model, ids, targets)
    wanted = gradients(model, expected)
    losses = ExampleLosses(model)
    (found,) = losses(ids, POSITIONS, targets, MASK)
    assert losses.fused is fused
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradients(model, found), wanted, rtol=1e-5, atol=1e-5)


def test_a_head_of_zeros_gives_even_odds() -> None:
    model, (ids, targets) = model_of("llama"), batch()
    model.lm_head.weight.data.zero_()
    (found,) = ExampleLosses(model)(ids, POSITIONS, targets, MASK)
    assert found.tolist() == pytest.approx([8 * math.log(VOCABULARY), 3 * math.log(VOCABULARY)])


def test_an_example_without_loss_tokens_has_no_loss_and_no_gradient() -> None:
    model, (ids, targets) = model_of("llama"), batch()
    (found,) = ExampleLosses(model)(ids, POSITIONS, targets, torch.zeros_like(MASK))
    assert found.tolist() == [0.0, 0.0]
    grads = gradients(model, found)  # they are there: workers average them
    assert "lm_head.weight" in grads
    assert not any(grad.any() for grad in grads.values())


def test_losses_of_bf16_are_fp32() -> None:
    model, (ids, targets) = model_of("llama").to(torch.bfloat16), batch()
    expected = reference(model, ids, targets)
    (found,) = ExampleLosses(model)(ids, POSITIONS, targets, MASK)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


def test_adapters_may_be_on_the_head_too(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    for targets, fused in ((["q_proj"], True), (["q_proj", "lm_head"], False)):
        config = LoraConfig(r=2, target_modules=targets, init_lora_weights=False, task_type="CAUSAL_LM")
        model, (ids, wanted) = get_peft_model(model_of("llama"), config), batch()
        expected = reference(model, ids, wanted)
        losses = ExampleLosses(model)
        (found,) = losses(ids, POSITIONS, wanted, MASK)
        assert losses.fused is fused
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
        assert all("lora_" in name for name in gradients(model, found))


class Largest(TorchDispatchMode):
    """The most elements of a tensor that any operation made."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.numel())
        return out


def test_no_tensor_has_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary, length = 5_000, 101  # more tokens than HIDDEN, else the head is larger than the logits
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", 20 * vocabulary)
    model = model_of("llama", vocab_size=vocabulary)
    model.lm_head.requires_grad_(False)  # as under adapters: its gradient is as large as the head
    ids = torch.randint(0, vocabulary, (1, length))
    positions, targets, mask = torch.arange(length - 1), ids[:, 1:], torch.ones(1, length - 1, dtype=torch.bool)
    whole, blocks = Largest(), Largest()
    with whole:
        logits = model(input_ids=ids, logits_to_keep=positions, use_cache=False).logits[mask]
        torch.nn.functional.cross_entropy(logits, targets[mask], reduction="sum").backward()
    with blocks:
        ExampleLosses(model)(ids, positions, targets, mask)[0].sum().backward()
    assert whole.elements == (length - 1) * vocabulary
    assert blocks.elements == HIDDEN * vocabulary  # the head, looked at


def adapted(family: str, **changes: Any) -> Any:
    """A model under an adapter that has moved it."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(model_of(family, **changes), config)


@pytest.mark.parametrize("family", ["llama", "granite"])  # the head ends in losses, and the model's own forward
@pytest.mark.parametrize("block", [2**26, 3 * VOCABULARY])
def test_divergence_from_the_start_model_is_that_of_all_logits(
    monkeypatch: pytest.MonkeyPatch, family: str, block: int
) -> None:
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", block)
    model, (ids, targets) = adapted(family), batch()
    with torch.no_grad(), model.disable_adapter():
        start = model(input_ids=ids, use_cache=False).logits[:, POSITIONS].log_softmax(-1)
    student = model(input_ids=ids, use_cache=False).logits[:, POSITIONS].log_softmax(-1)
    by_token = torch.nn.functional.kl_div(student, start, reduction="none", log_target=True).sum(-1)
    expected = (by_token * MASK).sum(dim=1)
    expected_gradients, expected_nll = gradients(model, expected), reference(model, ids, targets)
    nll, divergence = ExampleLosses(model, diverges=True)(ids, POSITIONS, targets, MASK)
    assert min(expected.tolist()) > 0.0
    torch.testing.assert_close(nll, expected_nll, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(divergence, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradients(model, divergence), expected_gradients, rtol=1e-4, atol=1e-6)


def test_a_new_adapter_has_not_diverged() -> None:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    model, (ids, targets) = get_peft_model(model_of("llama"), config), batch()
    assert ExampleLosses(model, diverges=True)(ids, POSITIONS, targets, MASK)[1].tolist() == [0.0, 0.0]


def test_divergence_of_two_odds_by_hand() -> None:
    """Even odds against 3 to 1: half of log(2/3), and half of log 2."""
    student, start = torch.tensor([[math.log(3.0), 0.0]]), torch.zeros(1, 2)
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert loss._divergence(student, start).tolist() == pytest.approx([expected])
