"""Every model of a run, loaded and exported without its numbers before Ray starts: see `training.rehearsal`.

What lies in a folder on this machine is looked at; what would have to be downloaded is left to the run, and so is what
an OpenAI-compatible server holds. The embedded student is the project's own, and looked at only where a config says
which of its layers get an adapter: torch takes seconds to import.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from skillray.config.model import RunConfig
from skillray.errors import ConfigError, DataError
from skillray.grading.prm import TokenPrm
from skillray.loop.prm import NEURAL
from skillray.store.files import is_url
from skillray.training import rehearsal
from skillray.training.checkpoint import is_adapter, load_tokenizer, resolve_model
from skillray.training.headers import MAX_SCANNED
from skillray.training.model_folder import read_settings, room_of
from skillray.training.settings import Lora
from skillray.training.targets import ALL_LINEAR, of_head_or_embedding, target_names

_OF_INTEGERS = ("awq", "bitsandbytes", "gptq")
"""Quantisations whose weights cannot be trained; those of others are turned back into floats when they are loaded."""

MAX_TOKENIZED = 50
"""Questions whose tokens are counted: the longest by bytes."""


def rehearse_models(config: RunConfig) -> None:
    """Refuse a model that cannot be loaded, trained or exported.

    Raises:
        ConfigError, DataError: one line with the field, the model, and what is wrong with it.
    """
    first_of = {student.model: place for place, student in reversed(list(enumerate(config.students)))}
    for model, place in first_of.items():
        with _naming(f"students.{place}.model"):
            _rehearse_student(config, model)
    scorer, teacher = config.grading.scorer, config.teacher
    if isinstance(scorer, NEURAL) and (folder := _here(scorer.source)) is not None:
        with _naming("grading.scorer.model"):
            _rehearse_reader(folder, f"model {scorer.model}", head=not isinstance(scorer, TokenPrm))
    if config.embedding is not None and (folder := _here(config.embedding.model)) is not None:
        with _naming("embedding.model"):
            _rehearse_reader(folder, f"model {config.embedding.model}", head=False)
    if teacher.type == "vllm" and (folder := _here(teacher.model)) is not None:
        with _naming("teacher.model"):
            _look_for_nan(folder, f"model {teacher.model}")


def refuse_long_questions(config: RunConfig, questions: Iterable[Any]) -> None:
    """`DataError` for a question (pyarrow text) that alone fills a student's model, before its template and answer."""
    longest = sorted((str(question) for question in questions), key=_bytes)[-MAX_TOKENIZED:]
    for place, student in enumerate(config.students):
        if student.recorded is not None or (folder := _here(student.model)) is None or is_adapter(folder):
            continue
        room = room_of(folder, f"model {student.model}")
        if room is None or not longest or _bytes(longest[-1]) < room:  # a token has at least a byte
            continue
        counts = [len(ids) for ids in load_tokenizer(folder)(longest)["input_ids"]]
        if max(counts) >= room:
            raise DataError(
                f"students.{place}.model: model {student.model} has room for {room} tokens, and the question "
                f"{longest[counts.index(max(counts))][:40]!r}... has {max(counts)}; leave it out"
            )


def _bytes(text: str) -> int:
    return len(text.encode())


def _rehearse_student(config: RunConfig, model: str) -> None:
    lora = config.training.lora
    folder = _here(model) or (resolve_model(model) if _says_layers(lora) and model == "embedded" else None)
    if folder is None:
        return
    where = f"model {model}"
    _check_quantized(folder, where, lora)
    skeleton = rehearsal.rehearse_language_model(folder, where)
    rehearsal.refuse_unknown_tokens(skeleton, folder, where, pads=True)
    _check_positions(config, rehearsal.absolute_room(skeleton), where)
    if lora is not None:
        _check_layers(config, skeleton, lora, where)
    rehearsal.rehearse_export(skeleton, folder, where)
    _look_for_nan(folder, where)


def _rehearse_reader(folder: str, where: str, head: bool) -> None:
    """A reward model or an embedder: it reads, and is neither trained nor exported."""
    skeleton = rehearsal.rehearse_language_model(folder, where) if head else rehearsal.rehearse_body(folder, where)
    rehearsal.refuse_unknown_tokens(skeleton, folder, where, pads=False)
    _look_for_nan(folder, where)


def _look_for_nan(folder: str, where: str) -> None:
    rehearsal.refuse_weights_not_finite(folder, where, MAX_SCANNED)


def _check_layers(config: RunConfig, skeleton: rehearsal.Skeleton, lora: Lora, where: str) -> None:
    """The layers that get an adapter; of a student that is an adapter, those that have one."""
    targets = list(skeleton.adapted)
    if _says_layers(lora) or not targets:
        asked = target_names(skeleton.model, lora.target_modules, where)
        if targets and asked != targets:
            raise ConfigError(
                f"training.lora.target_modules: {where} is an adapter on {', '.join(targets[:20])}, and training goes "
                "on with it; leave target_modules out"
            )
        targets = asked
    outer = of_head_or_embedding(skeleton.model, targets)
    if outer and config.rollout.engine == "vllm" and not lora.merge:
        raise ConfigError(
            f"training.lora.target_modules: {outer[0]} is the head or the embedding of {where}, which vllm cannot "
            "adapt; leave it out, set training.lora.merge to true, or rollout.engine to transformers"
        )


def _check_positions(config: RunConfig, room: int | None, where: str) -> None:
    if room is not None and config.training.max_length > room:
        raise ConfigError(
            f"training.max_length is {config.training.max_length}, and {where} has an embedding for {room} positions; "
            f"set it to {room} or less"
        )


def _check_quantized(folder: str, where: str, lora: Lora | None) -> None:
    if is_adapter(folder):
        return
    settings = read_settings(folder, "config.json", where).get("quantization_config")
    method = settings.get("quant_method") if isinstance(settings, dict) else None
    if lora is None and method in _OF_INTEGERS:
        raise DataError(
            f"{where}: its weights are quantized ({method}) and cannot be trained; set training.lora, or "
            "give the model that it was made of"
        )


def _says_layers(lora: Lora | None) -> bool:
    return lora is not None and lora.target_modules != (ALL_LINEAR,)


def _here(model: str) -> str | None:
    """The folder of a model on this machine; None for the embedded student, and for what is elsewhere."""
    if model == "embedded" or is_url(model):
        return None
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return resolve_model(model) if os.path.isdir(model) or offline else None


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """The field of the config in front of what is wrong with the model that it names."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{field}: {error}") from None
