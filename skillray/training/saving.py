"""Publishing a checkpoint folder from the model of a DeepSpeed engine."""

from __future__ import annotations

import os
import shutil
from typing import Any

from skillray.errors import SkillrayError, StageError
from skillray.store.disk import storage_error
from skillray.store.fence import Fence
from skillray.store.files import draft_folder, names_in, remove_tree, sha256_of
from skillray.training.checkpoint import (
    base_of,
    is_adapter,
    load_model,
    load_tokenizer,
    resolve_model,
    weights_hash,
)
from skillray.training.older_readers import add_older_names
from skillray.training.settings import TrainingSettings

State = dict[str, Any]
"""Parameter name -> a tensor on the CPU."""
GENERATION = "generation_config.json"


def gathered_state(model: Any, settings: TrainingSettings, rank: int) -> State:
    """The trained parameters, whole, on rank 0; the others help and get nothing. Collective under ZeRO 3."""
    import deepspeed
    from deepspeed.runtime.zero.partition_parameters import is_zero_param

    state = {}
    for name, parameter in model.named_parameters():
        if settings.lora is not None and not parameter.requires_grad:
            continue
        with deepspeed.zero.GatheredParameters([parameter], enabled=is_zero_param(parameter)):
            if rank == 0:
                state[name] = parameter.detach().cpu().clone()
    return state


def publish(model: Any, state: State, settings: TrainingSettings, source: str, folder: str, fence: Fence) -> None:
    """Write the checkpoint aside, and publish it as `folder`, its manifest last; one that stands already stays.

    Raises:
        StageError: a tensor is not finite; nothing is published.
        StorageError: it cannot be written; nothing is published.
    """
    _refuse_not_finite(state)
    with draft_folder(folder) as draft:
        _save(model, state, settings, source, draft)
        fence.publish_folder(draft, folder, _manifest(draft))


def _save(model: Any, state: State, settings: TrainingSettings, source: str, draft: str) -> None:
    from safetensors import SafetensorError

    try:
        _write(model, state, settings, source, draft)
    except SkillrayError:
        raise
    except (OSError, RuntimeError, SafetensorError) as error:  # a full disk is each of these, by who writes
        raise storage_error(draft, error) from error
    except ValueError as error:  # transformers refuses to write a setting: `rehearse_export` should have said so
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StageError(f"fine_tune: the settings of model {source} cannot be saved ({line}); correct them") from error


def remove_drafts(folder: str) -> None:
    """Remove the drafts beside `folder` of attempts that were killed while they published it."""
    parent, name = os.path.split(folder)
    for other in names_in(parent):
        if other.startswith(f"{name}.") and other.endswith(".tmp"):
            remove_tree(os.path.join(parent, other))


def _write(model: Any, state: State, settings: TrainingSettings, source: str, draft: str) -> None:
    if settings.lora is None:
        save_model(model, source, draft, state)
    else:
        model.save_pretrained(draft, state_dict=state)
        if settings.lora.merge:
            # The adapter is merged into the base as it is stored: the base in memory may have 4 bits.
            merged = load_model(draft, settings.dtype, settings.attention)
            remove_tree(draft)
            save_model(merged, source, draft)
    load_tokenizer(source).save_pretrained(draft)


def save_model(model: Any, source: str, folder: str, state: State | None = None) -> None:
    """Weights (of `state`, where it is given) and settings of a whole model that was made of the model `source`."""
    generation = _set_apart(model)
    model.save_pretrained(folder, state_dict=state)
    _finish_settings(generation, source, folder)


def save_settings(model: Any, source: str, folder: str) -> None:
    """Write all that `save_model` writes except the weights."""
    generation = _set_apart(model)
    model.config.save_pretrained(folder)
    _finish_settings(generation, source, folder)


def _set_apart(model: Any) -> Any:
    """The model's generation settings, which are taken off it: transformers loads some that it then refuses to write.

    Llama 2's `temperature` without `do_sample` is one. Older models have them in config.json, which it refuses as well.
    """
    from transformers import GenerationConfig

    generation, model.generation_config = model.generation_config, GenerationConfig()
    for name, value in model.config._get_generation_parameters().items():  # what `save_pretrained` looks for
        delattr(model.config, name)
        setattr(generation, name, value)
    return generation


def _finish_settings(generation: Any, source: str, folder: str) -> None:
    """Generation settings as the source has them, to the byte; where it has no such file, those that it was given."""
    add_older_names(folder)
    origin = resolve_model(source)
    origin = resolve_model(base_of(origin)) if is_adapter(origin) else origin
    path = os.path.join(folder, GENERATION)
    if os.path.isfile(os.path.join(origin, GENERATION)):
        shutil.copyfile(os.path.join(origin, GENERATION), path)
    else:
        generation.to_json_file(path)


def _manifest(folder: str) -> dict[str, Any]:
    """Size and sha256 of every file; of an adapter also its base, with the hash of the weights it was trained on."""
    paths = {name: os.path.join(folder, name) for name in sorted(os.listdir(folder))}
    files = {name: {"size": os.path.getsize(path), "sha256": sha256_of(path)} for name, path in paths.items()}
    manifest: dict[str, Any] = {"files": files}
    if not is_adapter(folder):
        return manifest
    return manifest | {"base": base_of(folder), "base_weights": weights_hash(base_of(folder))}


def _refuse_not_finite(state: State) -> None:
    """`StageError` that names the first tensor with NaN or infinity in it."""
    import torch

    if wrong := [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]:
        raise StageError(f"fine_tune: {wrong[0]} is not finite at the end; lower training.learning_rate")
