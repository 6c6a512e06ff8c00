"""A model folder loaded and exported as a run will do it, but on torch's meta device: everything except the numbers.

transformers and PEFT do what they will do with the real weights: they rename, convert, tie and miss the same tensors,
because they get tensors of the same names and shapes. It takes seconds, whatever the size of the model. Nothing here
reads a weight but `refuse_weights_not_finite`.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from skillray.errors import DataError
from skillray.training import headers
from skillray.training.checkpoint import base_of, is_adapter, load_tokenizer, resolve_model
from skillray.training.fit import not_finite, refuse_adapter_misfit, refuse_misfit
from skillray.training.model_folder import read_settings
from skillray.training.saving import GENERATION, save_settings
from skillray.training.targets import short_names

CHAT = ({"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"})


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A model without its numbers."""

    model: Any
    """The model on the meta device; for an adapter, the base without it."""
    adapted: tuple[str, ...] = ()
    """Layers that the adapter is on, as `targets.short_names` gives them; empty for a model that is no adapter."""


def rehearse_language_model(folder: str, where: str) -> Skeleton:
    """The causal language model of `folder`, or of the base of an adapter, which must fit it.

    Raises:
        DataError: it cannot be loaded, or weights are missing, misshapen or left over; names the first.
    """
    if not is_adapter(folder):
        return Skeleton(_language_model(folder, where))
    base = base_of(folder)
    model = _language_model(resolve_model(base), f"{where}: the base of this adapter: model {base}")
    return _with_adapter(model, folder, where)


def rehearse_body(folder: str, where: str) -> Skeleton:
    """Like `rehearse_language_model`, for a transformer without its head."""
    from transformers import AutoModel

    return Skeleton(_loaded(folder, where, AutoModel))


def rehearse_export(skeleton: Skeleton, folder: str, where: str) -> None:
    """Write settings and tokenizer to a folder that is removed again; `DataError` for what cannot be written."""
    from transformers import GenerationConfig

    origin = resolve_model(base_of(folder)) if is_adapter(folder) else folder
    if os.path.exists(os.path.join(origin, GENERATION)):
        read_settings(origin, GENERATION, where)  # transformers would go on without a damaged one
        with quiet(), _told(where, f"{GENERATION} cannot be used"):
            GenerationConfig.from_pretrained(origin)
    with quiet(), _told(where, "cannot be saved again"), tempfile.TemporaryDirectory() as draft:
        save_settings(skeleton.model, folder, draft)
        load_tokenizer(folder).save_pretrained(draft)


def refuse_unknown_tokens(skeleton: Skeleton, folder: str, where: str, pads: bool) -> None:
    """`DataError` for a tokenizer that can write ids for which the embedding has no row.

    Control tokens beyond the embedding that nothing writes are let pass: Gemma 3's text models have one for images.
    With `pads`, batches are filled up by the padding token.
    """
    rows = skeleton.model.get_input_embeddings().weight.shape[0]
    with quiet(), _told(where, "its tokenizer cannot be used"):
        tokenizer = load_tokenizer(folder)
        beyond = {token: id for token, id in tokenizer.get_vocab().items() if id >= rows}
    if not beyond:
        return
    if reached := sorted(token for token in beyond if _is_written(tokenizer, token, beyond[token], pads)):
        raise DataError(
            f"{where}: its embedding has {rows} rows, and the tokenizer gives {reached[0]!r} the id "
            f"{beyond[reached[0]]}; resize the embedding, or restore the tokenizer"
        )


def refuse_weights_not_finite(folder: str, where: str, most: int | None = None) -> None:
    """`DataError` that names the first tensor with NaN or infinity. Files of more than `most` bytes are not read."""
    names = _files(folder)
    if most is not None and headers.size_of_files(folder, names) > most:
        return
    if (name := headers.first_not_finite(folder, names)) is not None:
        raise not_finite(name, where)
    if is_adapter(folder):
        base = base_of(folder)
        refuse_weights_not_finite(resolve_model(base), f"{where}: the base of this adapter: model {base}", most)


def absolute_room(skeleton: Skeleton) -> int | None:
    """Positions of a model that has an embedding of them, as GPT-2 and OPT; None where positions are computed."""
    import torch

    for name, module in skeleton.model.named_modules():
        if isinstance(module, torch.nn.Embedding) and ("pos" in name.lower() or name.endswith("wpe")):
            return int(skeleton.model.config.get_text_config().max_position_embeddings)
    return None


def _language_model(folder: str, where: str) -> Any:
    from transformers import AutoModelForCausalLM

    return _loaded(folder, where, AutoModelForCausalLM)


def _loaded(folder: str, where: str, kind: Any) -> Any:
    import torch
    from transformers import AutoConfig

    with quiet(), _told(where, "cannot be loaded"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        with torch.device("meta"):
            model = kind.from_config(config, trust_remote_code=False)
        if getattr(config, "quantization_config", None) is not None:
            return model  # its tensors are those of the quantizer, which looks at them itself
        names = _files(folder)
        stored = {
            name: torch.empty(header.shape, dtype=torch.float32, device="meta")
            for name, header in headers.read_headers(folder, names).items()
        }
        loaded, report = type(model).from_pretrained(
            None,
            config=config,
            state_dict=stored,
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    refuse_misfit(loaded, report, where, lambda: headers.harmless(folder, names))
    return loaded


def _with_adapter(model: Any, folder: str, where: str) -> Skeleton:
    import torch
    from peft import PeftConfig, get_peft_model, set_peft_model_state_dict

    with quiet(), _told(where, "its adapter does not fit its base"):
        config = PeftConfig.from_pretrained(folder)
        if config.is_prompt_learning:
            raise ValueError(f"{config.peft_type.value} cannot be merged; LoRA can")
        adapted = get_peft_model(model, config, low_cpu_mem_usage=True)
        stored = {
            name: torch.empty(header.shape, device="meta")
            for name, header in headers.read_headers(folder, _files(folder)).items()
        }
        report = set_peft_model_state_dict(adapted, stored, low_cpu_mem_usage=True)
        layers = {name for name, module in adapted.get_base_model().named_modules() if hasattr(module, "base_layer")}
        base = adapted.unload()
    refuse_adapter_misfit(report.missing_keys, report.unexpected_keys, where)
    return Skeleton(base, tuple(short_names(base, layers)))


def _files(folder: str) -> list[str]:
    return [headers.ADAPTER_WEIGHTS] if is_adapter(folder) else headers.weight_files(folder)


def _is_written(tokenizer: Any, token: str, id: int, pads: bool) -> bool:
    """True if a model may have to read the token, as far as the tokenizer and its template tell."""
    added = tokenizer.added_tokens_decoder.get(id)
    if added is None or not added.special:
        return True  # a word: any text may hold it
    used = [tokenizer.bos_token_id, tokenizer.eos_token_id, *([tokenizer.pad_token_id] if pads else [])]
    template = tokenizer.chat_template
    return id in used or (isinstance(template, str) and token in template) or token in _rendered(tokenizer)


def _rendered(tokenizer: Any) -> str:
    """A chat in the words of the template; empty where there is none, or where it cannot say this chat."""
    if not tokenizer.chat_template:
        return ""
    try:
        return str(tokenizer.apply_chat_template(list(CHAT), tokenize=False))
    except Exception:  # a template is code, and raises what it likes; whoever renders for a run says it
        return ""


@contextmanager
def _told(where: str, what: str) -> Iterator[None]:
    """Turn whatever a library raises in the block into one `DataError` line about the folder."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # a damaged folder is any error of transformers, PEFT, tokenizers or torch
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{where}: {what} ({line}); restore the folder") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence logs, warnings and progress bars of libraries in the block: our own errors say what matters."""
    from transformers.utils import logging as bars

    level, bar = logging.root.manager.disable, bars.is_progress_bar_enabled()
    logging.disable(logging.CRITICAL)
    bars.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        if bar:
            bars.enable_progress_bar()
