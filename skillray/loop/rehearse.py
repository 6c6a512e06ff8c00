"""Every model of a run, loaded and exported without its numbers before Ray starts: see `training.rehearsal`.

What lies in a folder on this machine is looked at; what would have to be downloaded is left to the run, and so is what
an OpenAI-compatible server holds. The embedded student is the project's own, and looked at only where a config says
which of its layers get an adapter: torch takes seconds to import.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skillray.config.model import RunConfig
from skillray.errors import ConfigError, DataError
from skillray.grading.prm import TokenPrm
from skillray.loop.prm import NEURAL
from skillray.training import rehearsal
from skillray.training.checkpoint import is_adapter, resolve_model
from skillray.training.headers import MAX_SCANNED
from skillray.training.model_folder import folder_here, read_settings
from skillray.training.settings import Lora
from skillray.training.targets import ALL_LINEAR, of_head_or_embedding, target_names

_OF_INTEGERS = ("awq", "bitsandbytes", "gptq")
"""Quantisations whose weights cannot be trained; those of others are turned back into floats when they are loaded."""


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
    if isinstance(scorer, NEURAL) and (folder := folder_here(scorer.source)) is not None:
        with _naming("grading.scorer.model"):
            _rehearse_reader(folder, f"model {scorer.model}", head=not isinstance(scorer, TokenPrm))
    if config.embedding is not None and (folder := folder_here(config.embedding.model)) is not None:
        with _naming("embedding.model"):
            _rehearse_reader(folder, f"model {config.embedding.model}", head=False)
    if teacher.type == "vllm" and (folder := folder_here(teacher.model)) is not None:
        with _naming("teacher.model"):
            _look_for_nan(folder, f"model {teacher.model}")


def _rehearse_student(config: RunConfig, model: str) -> None:
    lora = config.training.lora
    folder = folder_here(model) or (resolve_model(model) if _says_layers(lora) and model == "embedded" else None)
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


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """The field of the config in front of what is wrong with the model that it names."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{field}: {error}") from None
