"""Model folders: where a name is on this machine, whether a checkpoint is complete, and how models are loaded."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from skillray.errors import ConfigError, DataError, MissingExtraError, TableError
from skillray.store.fetch import fetched_folder
from skillray.store.files import exists, is_url, names_in, read_json, sha256_of, stands
from skillray.training import headers
from skillray.training.fit import refuse_adapter_misfit, refuse_misfit, refuse_not_finite
from skillray.training.settings import Lora, TrainingSettings
from skillray.training.targets import is_tied, target_names

MANIFEST = "manifest.json"
ADAPTER = "adapter_config.json"
PROCESSOR_TEMPLATE = "chat_template.json"
"""The file in which vision models keep their chat template: transformers reads it into a processor only."""
EMBEDDED = Path(__file__).parents[1] / "domains" / "arithmetic" / "student"
_WEIGHTS = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
"""Patterns of the files that are downloaded and hashed: they decide what a model answers. Weights are safetensors only,
for other formats can hold code.
"""


def resolve_model(model: str) -> str:
    """The folder of `model` on this machine: 'embedded', a folder, or what is fetched once a node.

    That is an s3:// or gs:// folder, or a Hugging Face id, perhaps with a revision as ID@REVISION; HF_HUB_OFFLINE is
    respected. Raises `DataError` when there is no such model.
    """
    if model == "embedded":
        return str(EMBEDDED)
    if is_url(model):
        return fetched_folder(model, _WEIGHTS)
    if os.path.isdir(model):
        return model
    if os.path.isabs(model) or model.startswith(".") or model.count("/") > 1:
        raise DataError(f"model {model}: there is no such folder; give a Hugging Face folder or id")
    from huggingface_hub import snapshot_download

    name, _, revision = model.partition("@")
    try:
        return str(snapshot_download(name, revision=revision or None, allow_patterns=list(_WEIGHTS)))
    except (OSError, ValueError) as error:  # no such id, no network, no access: all the user's to mend
        raise DataError(f"model {model}: not a folder, and the Hugging Face hub says: {_line(error)}") from None


def is_adapter(folder: str) -> bool:
    """True for a PEFT adapter, False for a whole model."""
    return exists(os.path.join(folder, ADAPTER))


def base_of(adapter: str) -> str:
    """The model that a PEFT adapter folder belongs to.

    A relative path starts at the adapter's folder or the nearest one around it that has such a folder, so that it is
    the same from every working folder; else in the working folder. Where a run's student is no longer where it was, it
    is where the run has found it last.
    """
    base = str(_read(adapter, ADAPTER)["base_model_name_or_path"])
    if base == "embedded" or not base or is_url(base) or is_url(adapter):
        return base
    around = [os.path.abspath(adapter), *map(str, Path(os.path.abspath(adapter)).parents)]
    if os.path.isabs(base):
        return base if os.path.isdir(base) else _moved(base, around)

    for folder in around:
        path = os.path.normpath(os.path.join(folder, base))
        if path not in around and os.path.isdir(path):
            return path
    return os.path.abspath(base) if os.path.isdir(base) else base


def _moved(base: str, around: Sequence[str]) -> str:
    """The present folder of a base that is no longer at `base`; `base` itself where nothing says where it went.

    `around` are the folders around an adapter, the innermost first. Of a checkpoint in RUN/students/NAME/... the run
    knows the student's model: RUN/data/inputs.json says where it was last.
    """
    for students, student in zip(around[1:], around, strict=False):
        inputs = os.path.join(os.path.dirname(students), "data", "inputs.json")
        if os.path.basename(students) == "students" and os.path.isfile(inputs):
            model = read_json(inputs).get(f"students.{os.path.basename(student)}.model", {})
            path = str(model.get("path", base))
            return base_of(path) if os.path.isdir(path) and is_adapter(path) else path
    return base


def whole_folder(model: str) -> str:
    """The folder of a model; of an adapter, that of its base."""
    folder = resolve_model(model)
    return resolve_model(base_of(folder)) if is_adapter(folder) else folder


def checkpoint_complete(folder: str) -> bool:
    """True once the manifest, which is written last, is there."""
    return stands(os.path.join(folder, MANIFEST))


def verify_checkpoint(folder: str) -> None:
    """Re-hash every file; `DataError` names the first that is missing or differs."""
    for name, entry in _read(folder, MANIFEST)["files"].items():
        path = os.path.join(folder, name)
        if not exists(path) or sha256_of(path) != entry["sha256"]:
            raise DataError(f"{path} is missing or differs from its manifest: remove {folder} and run again")


def weights_hash(model: str) -> str:
    """Hex digest of the weights, the identity of a checkpoint: over its safetensors files' hashes, sorted by name.

    An adapter's also covers its base. Hashes that a manifest or the Hugging Face cache holds are not computed again.
    """
    return _hash_of(model, _WEIGHTS[:1])


def model_hash(model: str) -> str:
    """Like `weights_hash`, over settings, tokenizer and chat template too: all that decides what a model answers."""
    return _hash_of(model, _WEIGHTS)


def local_files(model: str) -> list[str]:
    """The files that `model_hash` reads, of a model that is on this machine under its own name; else none."""
    if model != "embedded" and not os.path.isdir(model):
        return []
    folder = resolve_model(model)
    files = [os.path.join(folder, name) for name in _matching(names_in(folder), _WEIGHTS)]
    return files + (local_files(base_of(folder)) if is_adapter(folder) else [])


def _hash_of(model: str, patterns: Sequence[str]) -> str:
    folder = model if is_url(model) and checkpoint_complete(model) else resolve_model(model)
    recorded = _read(folder, MANIFEST)["files"] if checkpoint_complete(folder) else {}
    names = _matching(recorded or names_in(folder), patterns)
    if not _matching(names, _WEIGHTS[:1]):
        raise DataError(f"model {folder} has no *.safetensors file; convert it to safetensors")
    hashes = [recorded[name]["sha256"] if name in recorded else _hash(os.path.join(folder, name)) for name in names]
    if is_adapter(folder):
        hashes.append(_hash_of(base_of(folder), patterns))
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _matching(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    return sorted(name for name in names if any(fnmatch(name, pattern) for pattern in patterns))


def _hash(path: str) -> str:
    """sha256 of a file. The Hugging Face cache names a large file by it, and then it is not computed again."""
    name = os.path.basename(os.path.realpath(path))
    return name if re.fullmatch("[0-9a-f]{64}", name) else sha256_of(path)


def load_tokenizer(model: str) -> Any:
    """The tokenizer of a model or checkpoint, with a padding token."""
    folder = resolve_model(model)
    with _one_line(folder):
        tokenizer = _tokenizer_class(folder).from_pretrained(folder, trust_remote_code=False)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template and os.path.isfile(os.path.join(folder, PROCESSOR_TEMPLATE)):
        tokenizer.chat_template = _read(folder, PROCESSOR_TEMPLATE).get("chat_template")
    return tokenizer


def _tokenizer_class(folder: str) -> Any:
    """AutoTokenizer; or, where the folder names it, the class that it would take: it alone needs no torch, whose import
    takes three seconds of every process.
    """
    if os.path.isfile(os.path.join(folder, "tokenizer_config.json")):
        settings = _read(folder, "tokenizer_config.json")
        if settings.get("tokenizer_class") == "TokenizersBackend" and "auto_map" not in settings:
            from transformers import PreTrainedTokenizerFast

            return PreTrainedTokenizerFast
    from transformers import AutoTokenizer

    return AutoTokenizer


def load_model(model: str, dtype: str = "fp32", attention: str = "sdpa") -> Any:
    """The whole model of a full checkpoint, or of an adapter merged into its base; `dtype` is 'fp32' or 'bf16'."""
    folder = resolve_model(model)
    if not is_adapter(folder):
        return _load_full(folder, dtype, attention)
    adapted = load_adapted(folder, dtype, attention)
    _untie(adapted)
    return adapted.merge_and_unload()


def _untie(adapted: Any) -> None:
    """Give head and embedding weights of their own where an adapter changes one of the two.

    Merged into the weight that they share, the change of one would be the other's too. A model without such an adapter
    stays tied.
    """
    import torch

    base = adapted.get_base_model()
    head, embedding = base.get_output_embeddings(), base.get_input_embeddings()
    if not is_tied(base) or not any(hasattr(module, "base_layer") for module in (head, embedding)):
        return
    layer = getattr(head, "base_layer", head)
    layer.weight = torch.nn.Parameter(layer.weight.detach().clone(), requires_grad=False)
    base.config.get_text_config().tie_word_embeddings = base.config.tie_word_embeddings = False


def load_body(model: str, dtype: str, bidirectional: bool) -> Any:
    """A transformer without its head: what turns a text into hidden states. Code that it brings along is never run."""
    import torch
    from transformers import AutoConfig, AutoModel

    folder, kind = resolve_model(model), torch.float32 if dtype == "fp32" else torch.bfloat16
    with _one_line(folder):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if bidirectional:
            config.is_causal = False
        model, report = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=kind,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    return _whole(model, report, folder)


def load_adapted(
    adapter: str, dtype: str, attention: str, is_trainable: bool = False, quantize: str | None = None
) -> Any:
    """A PEFT model over its base; `DataError` when the base is not the one that the adapter was trained on."""
    from peft import PeftModel

    base = base_of(adapter)
    if checkpoint_complete(adapter) and _read(adapter, MANIFEST)["base_weights"] != weights_hash(base):
        raise DataError(f"{adapter}: its base model {base} has changed since the adapter was trained; restore it")
    model = _load_full(resolve_model(base), dtype, attention, quantize)
    with _one_line(adapter):
        adapted = PeftModel.from_pretrained(model, adapter, is_trainable=is_trainable)
        report = adapted.load_adapter(adapter, "default", is_trainable=is_trainable)  # says what it did not find
    refuse_adapter_misfit(report.missing_keys, report.unexpected_keys, f"model {adapter}")
    refuse_not_finite(adapted, f"model {adapter}")
    adapted.peft_config["default"].base_model_name_or_path = base  # what is saved of it lies elsewhere
    return adapted


def load_for_training(model: str, settings: TrainingSettings) -> Any:
    """The model to train: whole, or a PEFT model that goes on with its adapter or gets a new one."""
    loaded = _load_to_train(resolve_model(model), settings, model)
    if settings.gradient_checkpointing:
        loaded.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return loaded


def _load_to_train(folder: str, settings: TrainingSettings, name: str) -> Any:
    if settings.lora is None:
        return load_model(folder, settings.dtype, settings.attention).requires_grad_(True)  # PEFT froze a merged base
    how = (settings.dtype, settings.attention)
    if is_adapter(folder):
        adapted = load_adapted(folder, *how, is_trainable=True, quantize=settings.lora.quantize)
        return _go_on(adapted, settings.lora)
    return _with_new_adapter(_load_full(folder, *how, settings.lora.quantize), settings.lora, name)


def _go_on(model: Any, lora: Lora) -> Any:
    """The model, if its adapter has the rank and alpha of the config; else `ConfigError`."""
    adapter = model.peft_config["default"]
    if (adapter.r, adapter.lora_alpha) != (lora.rank, lora.alpha):
        raise ConfigError(
            f"training.lora: the adapter to go on with has rank {adapter.r} and alpha {adapter.lora_alpha:g}, "
            f"the config {lora.rank} and {lora.alpha:g}; use the adapter's"
        )
    return model


def _with_new_adapter(base: Any, lora: Lora, name: str) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=target_names(base, lora.target_modules, f"model {name}"),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    model.peft_config["default"].base_model_name_or_path = name  # as it was given: a cache folder is one node's own
    return model


def _load_full(folder: str, dtype: str, attention: str, quantize: str | None = None) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    _need(attention)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]
    more = {"quantization_config": _four_bits(kind, quantize)} if quantize else {}
    with _one_line(folder):
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=kind,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **more,
        )
    return _whole(model, report, folder)


def _whole(model: Any, report: Any, folder: str) -> Any:
    """The model, if every weight of it was in the folder, and is a number: else `DataError`."""
    where = f"model {folder}"
    refuse_misfit(model, report, where, lambda: headers.harmless(folder, headers.weight_files(folder)))
    refuse_not_finite(model, where)
    return model


def _four_bits(kind: Any, quantize: str) -> Any:
    """Quantization of all linear layers but the head to 4 bits; they compute in `kind`, a torch dtype."""
    from transformers import BitsAndBytesConfig

    need_quantizer("on this worker")
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=quantize, bnb_4bit_compute_dtype=kind)


def need_quantizer(where: str) -> None:
    """`MissingExtraError` where bitsandbytes, which quantizes to 4 bits, is not installed."""
    if find_spec("bitsandbytes") is None:
        raise MissingExtraError(
            f"training.lora.quantize: nf4 needs bitsandbytes, which is not installed {where}: "
            "pip install 'skillray[qlora]'; or set it to null"
        )


def _need(attention: str) -> None:
    """`MissingExtraError` for flash attention without `flash-attn`, and without `kernels`, with which transformers
    fetches it ready-made; neither is a requirement of ours.
    """
    if attention == "flash_attention_2" and not (find_spec("flash_attn") or find_spec("kernels")):
        raise MissingExtraError(
            "training.attention: flash_attention_2 needs a package that is not installed on this worker: "
            "pip install flash-attn --no-build-isolation; or set it to sdpa"
        )


@contextmanager
def _one_line(folder: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, AssertionError, SafetensorError) as error:
        # what transformers raises for missing, damaged and unsupported files
        raise DataError(f"model {folder} cannot be loaded ({_line(error)}): restore the folder") from error


def _read(folder: str, name: str) -> Any:
    try:
        return read_json(os.path.join(folder, name))
    except TableError as error:
        raise DataError(f"model {folder} is damaged: {error}") from None


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
