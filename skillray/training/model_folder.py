"""Checks of a model before anything loads it, from its small files and the headers of its weights.

No torch, no transformers, no weights read, nothing downloaded: `skillray run` asks this before it starts Ray.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skillray.errors import DataError
from skillray.store.files import is_url, names_in
from skillray.training.checkpoint import ADAPTER, base_of, is_adapter, resolve_model
from skillray.training.headers import ADAPTER_WEIGHTS, INDEX, WHOLE, read_headers, weight_files

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(@[A-Za-z0-9][\w./-]*)?", re.ASCII)
"""A Hugging Face id, with or without a revision: ID@REVISION."""
_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""Ends of the names of classes that write text; the last one only where there is no separate encoder."""
_ROOM = ("max_position_embeddings", "n_positions", "max_sequence_length")
"""Names in config.json of the longest text, in tokens, that a model takes: most families', GPT-2's, and MPT's."""
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")


def check_model(model: str) -> str | None:
    """The folder of `model`, or None for one that would have to be downloaded to look at it.

    Raises:
        DataError: there is no such model, or it cannot be a student; says what is missing.
    """
    folder = check_language_model(model)
    if folder is not None:
        _check_template(folder, f"model {model}")
    return folder


def check_language_model(model: str) -> str | None:
    """Like `check_model`, for one that need not have a chat template."""
    folder = _find(model)
    if folder is None:
        return None
    where = f"model {model}"
    if is_adapter(folder):
        _check_adapter(folder, where)
    else:
        _check_weights(folder, where)
        _check_architecture(folder, where)
    _check_tokenizer(folder, where)
    return folder


def check_weights(model: str) -> None:
    """Like `check_model`, for one that need not write text."""
    folder = _find(model)
    if folder is not None:
        _check_weights(folder, f"model {model}")
        read_settings(folder, "config.json", f"model {model}")


def check_token_classifier(model: str) -> str | None:
    """A transformer with a head of two layers, `score.0` and `score.2`, that tells two classes; and a chat template."""
    folder = _find(model)
    if folder is None:
        return None
    where = f"model {model}"
    _check_weights(folder, where)
    config = read_settings(folder, "config.json", where)
    _check_head(folder, config, where)
    _check_tokenizer(folder, where)
    _check_template(folder, where)
    return folder


def check_single_tokens(folder: str, texts: Sequence[str], where: str) -> None:
    """`DataError` for a text that is no single token, by the rule of `grading.prm.token_id`.

    tokenizers alone reads it, so that transformers need not be imported; a folder without tokenizer.json is left to
    the run.
    """
    path = Path(folder)
    if not (path / "tokenizer.json").exists():
        return
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # what tokenizers raises has no class of its own
        raise DataError(f"{where}: tokenizer.json cannot be read ({_line(error)}); restore it") from None
    added: dict[str, Any] = {}
    if (path / "tokenizer_config.json").exists():
        added = read_settings(folder, "tokenizer_config.json", where).get("added_tokens_decoder") or {}
    added_texts = {token["content"] for token in added.values()}
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        # The last token must be the whole text: some tokenizers put a space of their own in front of it.
        is_single = bool(ids) and tokenizer.decode(ids[-1:], skip_special_tokens=False).strip() == text
        if not is_single and text not in added_texts:
            raise DataError(f"{where}: {text!r} is no single token of its tokenizer; check `type` and its settings")


def read_settings(folder: str, name: str, where: str) -> dict[str, Any]:
    """One of a model's JSON files. Raises `DataError` when it is absent or holds no object."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            settings = json.load(file)
    except FileNotFoundError:
        raise DataError(f"{where}: there is no {name} in the folder; give a whole Hugging Face folder") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{where}: {name} cannot be read ({_line(error)}); restore it") from None
    if not isinstance(settings, dict):
        raise DataError(f"{where}: {name} holds no object; restore it")
    return settings


def folder_here(model: str) -> str | None:
    """The folder of a model on this machine; None for the embedded student, and for what is elsewhere."""
    if model == "embedded" or is_url(model):
        return None
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return resolve_model(model) if os.path.isdir(model) or offline else None


def room_of(folder: str, where: str) -> int | None:
    """Tokens that a model was made for, question and answer together; None where its config.json does not say."""
    config = read_settings(folder, "config.json", where)
    inner = config.get("text_config")  # of a model with several modalities
    for settings in (config, inner if isinstance(inner, dict) else {}):
        for name in _ROOM:
            if isinstance(settings.get(name), int):
                return int(settings[name])
    return None


def _find(model: str) -> str | None:
    """The folder of a model on this machine; None for one in a bucket or on the hub. `DataError` for none at all."""
    if model == "embedded" or os.path.isdir(model):
        folder = resolve_model(model)
        if not os.listdir(folder):
            raise DataError(f"model {model}: the folder is empty; give a Hugging Face folder or id")
        return folder
    if is_url(model):
        if not {"config.json", ADAPTER} & set(names_in(model)):
            raise DataError(f"model {model}: there is no config.json; give the folder of a Hugging Face model")
        return None
    if os.path.exists(model):
        raise DataError(f"model {model} is a file; give the folder that holds its config.json")
    if not _HUB_ID.fullmatch(model):
        raise DataError(f"model {model!r}: there is no such folder, and it is no Hugging Face id; give one of the two")
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return resolve_model(model) if offline else None


def _check_adapter(folder: str, where: str) -> None:
    _check_headers(Path(folder), [ADAPTER_WEIGHTS], where)
    base = read_settings(folder, ADAPTER, where).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise DataError(f"{where}: {ADAPTER} names no base_model_name_or_path; write the model it was trained on")
    base = base_of(folder)
    try:
        base_folder = _find(base)
        if base_folder is None:
            return
        if is_adapter(base_folder):
            raise DataError(f"model {base} is an adapter too; merge it into its own base")
        _check_weights(base_folder, f"model {base}")
        _check_architecture(base_folder, f"model {base}")
    except DataError as error:
        raise DataError(f"{where}: the base of this adapter: {error}") from None


def _check_weights(folder: str, where: str) -> None:
    """`DataError` unless the folder has its weights, in one safetensors file or in all that the index names."""
    path, names = Path(folder), [WHOLE]
    if (path / INDEX).exists():
        listed = read_settings(folder, INDEX, where).get("weight_map")
        if not isinstance(listed, dict) or not listed or not all(isinstance(name, str) for name in listed.values()):
            raise DataError(f"{where}: {INDEX} names no files in weight_map; restore it")
        names = sorted(set(listed.values()))
    elif not (path / WHOLE).exists() and list(path.glob("*.bin")):
        raise DataError(f"{where}: its weights are *.bin, which can hold code; convert them to safetensors")
    _check_headers(path, names, where)


def _check_headers(folder: Path, names: list[str], where: str) -> None:
    """A safetensors header says how long its file is: one that was cut off, or is no such file, does not agree."""
    from safetensors import SafetensorError, safe_open

    for name in names:
        if not (folder / name).is_file():
            raise DataError(f"{where}: there is no {name} in the folder; give the model's weights as safetensors")
        try:
            with safe_open(folder / name, framework="numpy") as tensors:
                count = len(tensors.keys())
        except (SafetensorError, OSError) as error:
            raise DataError(f"{where}: {name} is cut off or no safetensors file ({_line(error)}); restore it") from None
        if not count:
            raise DataError(f"{where}: {name} holds no weights; restore it")


def _check_head(folder: str, config: dict[str, Any], where: str) -> None:
    """`score.0` and `score.2`, each with a bias, from a hidden state to two classes; and nothing else of that name."""
    stored = read_headers(folder, weight_files(folder))
    shapes = {name: list(header.shape) for name, header in stored.items() if name.startswith("score.")}
    first, last, hidden = shapes.get("score.0.weight"), shapes.get("score.2.weight"), config.get("hidden_size")
    if first is None or last is None:
        raise DataError(f"{where}: it has no head with two classes a token (score.0, score.2); check `type`")
    if last[0] != 2 or last[1] != first[0] or first[1] != hidden:
        raise DataError(
            f"{where}: its head (score.0 {first}, score.2 {last}) does not lead from a hidden state of {hidden} to 2 "
            "classes; check `type`"
        )
    expected = {"score.0.weight": first, "score.0.bias": first[:1], "score.2.weight": last, "score.2.bias": last[:1]}
    for name in sorted({*shapes, *expected}):
        if shapes.get(name) != expected.get(name):
            raise DataError(
                f"{where}: {name} of its head is {shapes.get(name, 'missing')}, expected {expected.get(name, 'none')}; "
                "check `type`"
            )


def _check_architecture(folder: str, where: str) -> None:
    config = read_settings(folder, "config.json", where)
    classes = config.get("architectures") or []
    if not classes and not config.get("model_type"):
        raise DataError(f"{where}: config.json names neither architectures nor model_type; restore it")
    wrong = [name for name in classes if not str(name).endswith(_CAUSAL)]
    if wrong or config.get("is_encoder_decoder"):
        culprit = wrong[0] if wrong else "an encoder-decoder"
        raise DataError(f"{where}: {culprit} does not write text from left to right; give a causal language model")


def _check_tokenizer(folder: str, where: str) -> None:
    path = Path(folder)
    if not any((path / name).exists() for name in _TOKENIZERS):
        raise DataError(f"{where}: there is no tokenizer in the folder; save it there too")


def _check_template(folder: str, where: str) -> None:
    path = Path(folder)
    written = any((path / name).exists() for name in ("chat_template.jinja", "chat_template.json"))
    if not written and not read_settings(folder, "tokenizer_config.json", where).get("chat_template"):
        raise DataError(f"{where}: its tokenizer has no chat template; use an instruction-tuned model")


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
