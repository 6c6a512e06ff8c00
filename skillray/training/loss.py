"""Per-example loss of the response tokens, in fp32, without all logits at once. Imports torch: import it late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor

LOGITS_AT_ONCE = 2**26
"""fp32 logits in a block: 256 MiB, what DeepSpeed's own chunked loss takes."""


class ExampleLosses(torch.nn.Module):
    """A causal language model, whole or under PEFT, that answers with losses instead of logits.

    Logits are what does not fit beside a large student: of 2,048 tokens and a vocabulary of 128k they are 1 GiB in
    fp32, and several times that in the backward pass. DeepSpeed's fused loss makes them in blocks, and again in
    the backward pass. Where a model does anything to its logits behind the head (a soft cap, a scale), its own forward
    makes all of them, in its dtype; only the fp32 copies are then in blocks.
    """

    def __init__(self, model: Any, diverges: bool = False) -> None:
        """
        Args:
            model: the student; with `diverges` a PEFT model, whose base without the adapter is the start model.
            diverges: measure, beside the loss, how far the student's predictions have moved from the start model's.
        """
        super().__init__()
        self.model = model
        self._diverges = diverges
        self.fused = head_is_last(self._causal)
        if self.fused:
            head = self._causal.get_output_embeddings()
            head.forward = MethodType(_token_losses, head)

    def forward(self, input_ids: Tensor, positions: Tensor, targets: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """The negative log-likelihood of each example's loss tokens, summed, in nats; then, if asked for, the
        divergence of the student from its start model over the same tokens.

        Args:
            input_ids: [batch, length]
            positions: [kept] indices into the input; the logits at positions[i] predict targets[:, i].
            targets: [batch, kept] token ids, any valid id where the mask is False.
            mask: [batch, kept] True where the loss is wanted.

        Returns:
            One or two tensors of [batch] in fp32; 0, with a gradient of 0, for an example without loss tokens.
        """
        per_token = self._fused if self.fused else self._chunked
        # Summed over a padded row and not by index_add: the order of the sum is fixed, also on a GPU.
        return tuple(
            values.new_zeros(mask.shape).masked_scatter(mask, values).sum(dim=1)
            for values in per_token(input_ids, positions, targets, mask)
        )

    def _fused(self, input_ids: Tensor, positions: Tensor, targets: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Losses and, if asked for, divergences of the loss tokens, each [tokens].

        The head runs as a module, and once, whatever the number of tokens: ZeRO 3 gathers its weight then, on all
        workers together.
        """
        decoder, head = self._causal.get_decoder(), self._causal.get_output_embeddings()

        def hidden_states() -> Tensor:
            states: Tensor = decoder(input_ids=input_ids, use_cache=False).last_hidden_state
            return states[:, positions][mask]

        start = self._of_start_model(hidden_states)
        losses: tuple[Tensor, ...] = head(hidden_states(), targets[mask], start)
        return losses

    def _chunked(self, input_ids: Tensor, positions: Tensor, targets: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """The same as `_fused`, from logits that the model's own forward makes all at once."""
        from deepspeed.runtime.chunked_cross_entropy import chunked_cross_entropy

        def kept_logits() -> Tensor:
            kept: Tensor = self.model(input_ids=input_ids, logits_to_keep=positions, use_cache=False).logits
            return kept[mask]

        start, logits = self._of_start_model(kept_logits), kept_logits()
        nll: Tensor = chunked_cross_entropy(logits, targets[mask], reduction="none")
        return (nll,) if start is None else (nll, _divergence(logits, start))

    def _of_start_model(self, compute: Callable[[], Tensor]) -> Tensor | None:
        """The result of `compute` with the adapter off: the base is the model as it was before any training.

        None where no divergence is asked for.
        """
        if not self._diverges:
            return None
        with torch.no_grad(), self.model.disable_adapter():
            return compute()

    @property
    def _causal(self) -> Any:
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model


def _token_losses(head: Any, hidden: Tensor, targets: Tensor, start: Tensor | None = None) -> tuple[Tensor, ...]:
    """Each [tokens] in fp32 of [tokens, hidden] states: a linear head's forward that ends in losses, and in the
    divergence from what it makes of the `start` model's states."""
    from deepspeed.sequence.linear_cross_entropy import vocab_parallel_linear_cross_entropy

    tokens = max(1, LOGITS_AT_ONCE // len(head.weight))
    nll: Tensor = vocab_parallel_linear_cross_entropy(  # without a process group: the vocabulary is whole
        hidden, head.weight, targets, head.bias, reduction="none", chunk_size=tokens
    )
    if start is None:
        return (nll,)
    blocks = zip(hidden.split(tokens), start.split(tokens), strict=True)
    return nll, torch.cat([_checkpointed(head, *block) for block in blocks])


def _checkpointed(head: Any, hidden: Tensor, start: Tensor) -> Tensor:
    """The divergence of one block, whose logits are made again in the backward pass instead of being kept."""
    from torch.utils.checkpoint import checkpoint

    def block(hidden: Tensor, start: Tensor) -> Tensor:
        linear = torch.nn.functional.linear
        return _divergence(linear(hidden, head.weight, head.bias), linear(start, head.weight, head.bias))

    divergence: Tensor = checkpoint(block, hidden, start, use_reentrant=False)
    return divergence


def _divergence(logits: Tensor, start: Tensor) -> Tensor:
    """KL(start || student) of each token's prediction, [tokens] in fp32, of two [tokens, vocabulary] logits.

    This direction asks the student to keep probability wherever the start model has it (RL's Razor, arXiv 2509.04259,
    finds that this divergence goes with forgetting). Its gradient in the logits is p_student - p_start.
    """
    student, start = logits.float().log_softmax(dim=-1), start.float().log_softmax(dim=-1).detach()
    return (start.exp() * (start - student)).sum(dim=-1)


def head_is_last(model: Any) -> bool:
    """True when logits are a linear head on the decoder's output and nothing else, for a model of any family.

    The decoder and the head are replaced by stubs that return fixed tensors, so that nothing is computed; the model
    passes if the head gets the decoder's tensor and the logits are the head's.
    """
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    if type(head) is not torch.nn.Linear or decoder is model:
        return False
    from transformers.modeling_outputs import MoeModelOutputWithPast

    hidden, asked = torch.rand(1, 1, head.in_features, dtype=head.weight.dtype), []
    logits = torch.rand(1, 1, head.out_features)

    def answer(states: Tensor) -> Tensor:
        asked.append(states)
        return logits

    with ExitStack() as stubs:
        stubs.enter_context(_forward(decoder, lambda *_, **__: MoeModelOutputWithPast(last_hidden_state=hidden)))
        stubs.enter_context(_forward(head, answer))
        try:
            output = model(input_ids=torch.zeros(1, 1, dtype=torch.long), use_cache=False).logits
        except Exception:  # it wants more of its decoder than that: its own forward knows
            return False
    return output is logits and len(asked) == 1 and torch.equal(asked[0], hidden)


@contextmanager
def _forward(module: Any, stub: Callable[..., Any]) -> Iterator[None]:
    """While the block runs, `module` answers with `stub`."""
    module.forward = stub
    try:
        yield
    finally:
        del module.forward
