"""Refusal of model folders whose weights are not those that the model's class computes with.

transformers loads what fits, draws random numbers for what is absent, drops what is left over, and says so in a log
that nobody reads. Here its report is judged: a model is refused when a weight is absent or of another shape, and when a
weight is left over that belongs to one of the model's layers (a config with too few layers; biases or norms of another
family). Other weights that are left over are no fault: towers of other modalities, heads that predict several tokens,
masks and frequencies that older versions stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

from skillray.errors import DataError
from skillray.training.headers import is_finite

_NUMBER = re.compile(r"\.\d+\.")
Report = Mapping[str, Any]
"""The report of `from_pretrained` with `output_loading_info`: missing_keys, unexpected_keys, mismatched_keys."""


def refuse_misfit(model: Any, report: Report, where: str, harmless: Callable[[], Set[str]]) -> None:
    """`DataError` that names what is missing, misshapen or left over in the weights of `model`.

    `harmless` gives the names, as they stand in the files, of tensors that may be left over: see `headers.harmless`. It
    is asked only where something is left over.
    """
    expected = list(model.state_dict())
    if wrong := sorted(report["mismatched_keys"]):
        name, stored, configured = wrong[0]
        raise DataError(
            f"{where}: {name} is {list(stored)} in its weights and {list(configured)} by config.json"
            f"{_others(len(wrong))}; restore the folder"
        )
    missing = sorted(name for name in report["missing_keys"] if not _unused(name))
    unexpected = sorted(report["unexpected_keys"])
    if missing:
        raise DataError(
            f"{where}: its weights lack {missing[0]}{_others(len(missing))} of the {len(expected)} tensors of "
            f"{type(model).__name__}{_renamed(missing, unexpected)}; restore the folder"
        )
    if left := _left_over(unexpected, expected, harmless):
        raise DataError(
            f"{where}: {type(model).__name__}, as config.json describes it, has no use for {left[0]}"
            f"{_others(len(left))} in its weights; restore config.json"
        )


def refuse_adapter_misfit(missing: Sequence[str], unexpected: Sequence[str], where: str) -> None:
    """`DataError` for an adapter whose weights are not those of the layers that its base gets one for.

    `missing` and `unexpected` are what PEFT reports; its report of the base's own weights is left out.
    """
    lacking = sorted(name for name in missing if ".default" in name)
    if lacking:
        other = f" (there it is called {sorted(unexpected)[0]})" if unexpected else ""
        raise DataError(f"{where}: the adapter lacks {lacking[0]} and {len(lacking)} in all{other}; restore it")
    if left := sorted(name for name in unexpected if "lora_" in name):
        raise DataError(f"{where}: its base has no layer for {left[0]} of the adapter; restore adapter and base")


def refuse_not_finite(model: Any, where: str) -> None:
    """`DataError` that names the first parameter with NaN or infinity in it."""
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.element_size() > 1 and not is_finite(parameter):
            raise not_finite(name, where)


def not_finite(name: str, where: str) -> DataError:
    return DataError(f"{where}: {name} holds NaN or infinity; restore its weights")


def _others(count: int) -> str:
    return "" if count == 1 else f" and {count - 1} more"


def _unused(name: str) -> bool:
    """True for the pooler of an encoder: hidden states do not depend on it, and many embedders are stored without."""
    return "pooler." in name


def _renamed(missing: list[str], unexpected: list[str]) -> str:
    """A hint, where the files hold a missing name behind a prefix, or only names that the class does not know."""
    for name in missing[:2]:  # the first may be a head that is tied to an embedding, and in no file
        if other := next((other for other in unexpected if other.endswith(f".{name}")), None):
            return f" (there, {name} is called {other})"
    return f" (and hold {len(unexpected)} that it does not know, such as {unexpected[0]})" if unexpected else ""


def _left_over(unexpected: list[str], expected: list[str], harmless: Callable[[], Set[str]]) -> list[str]:
    """The unexpected tensors that belong to one of the model's layers, without the harmless ones."""
    suspects = [name for name in unexpected if _of_a_layer(name, expected)]
    if not suspects:
        return []
    allowed = harmless()  # asked late: it reads the headers of all weight files
    return [name for name in suspects if not any(name == tail or name.endswith(f".{tail}") for tail in allowed)]


def _of_a_layer(name: str, expected: Iterable[str]) -> bool:
    """True for a weight or bias in one of the model's numbered layers, and for a bias beside a weight that it has."""
    if not name.endswith((".weight", ".bias")):
        return False
    layer, names = _layer_of(name), set(expected)
    in_layers = layer is not None and layer in {_layer_of(other) for other in names}
    return in_layers or name.removesuffix(".bias") + ".weight" in names


def _layer_of(name: str) -> str | None:
    """'model.layers' of 'model.layers.3.mlp.up_proj.weight'; None where no part of the name is a number."""
    match = _NUMBER.search(name)
    return None if match is None else name[: match.start()]
