"""YAML and `--set` to a RunConfig; everything a user can get wrong is one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from skillray.config.model import RunConfig
from skillray.config.problems import first_problem
from skillray.config.strict_yaml import dump_yaml, parse_yaml
from skillray.errors import ConfigError, StorageError
from skillray.store.files import read_bytes
from skillray.store.paths import FOLDER

MAX_BYTES = 2**20
"""Of a config file; a config of 1,000 students has a tenth of it."""


def load_config(path: str, overrides: Sequence[str] = ()) -> RunConfig:
    """The run that `path` describes, with `a.b=value` overrides applied.

    Raises:
        ConfigError: one line with field, rule and value.
    """
    return parse(apply(_read(path), overrides), path)


def parse(raw: Mapping[str, Any], where: str) -> RunConfig:
    """The run that the plain values `raw` describe.

    Strict: no text is a number, no number is true or false, 3.0 is no count.
    """
    try:
        text = json.dumps(raw, ensure_ascii=False).encode()  # pydantic takes lists for tuples only from JSON
    except UnicodeEncodeError:
        raise ConfigError(f"{where}: half of a surrogate pair is no text: remove the \\ud800 to \\udfff") from None
    try:
        return RunConfig.model_validate_json(text, strict=True, context={FOLDER: _folder(raw)})
    except ValidationError as error:
        raise ConfigError(f"{where}: {first_problem(error)}") from None


def _folder(raw: Mapping[str, Any]) -> str | None:
    """Where relative paths start, if the config says so: other fields are read by it."""
    cluster = raw.get("cluster")
    folder = cluster.get("folder") if isinstance(cluster, Mapping) else None
    return folder if isinstance(folder, str) else None


def apply(raw: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`raw` with each `dotted.path=YAML value` set; a number in the path is a place in a list."""
    changed: Any = _copy(raw)
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not all(path.split(".")):
            raise ConfigError(f"--set takes FIELD=VALUE, for example training.learning_rate=1e-4; got {override!r}")
        try:
            value = parse_yaml(text)
        except ConfigError as error:
            raise ConfigError(f"--set {override}: {error}") from None
        _set(changed, path.split("."), value, override)
    return dict(changed)


def dump_config(config: RunConfig) -> str:
    return dump_yaml(config.model_dump(mode="json"))


def _read(path: str) -> Mapping[str, Any]:
    try:
        data = read_bytes(path)
        text = data.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"config {path}: is not UTF-8 text: save it as UTF-8") from None
    except (FileNotFoundError, StorageError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        raise ConfigError(f"config {path}: {reason}; give a YAML file, see jobs/recipes") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"config {path}: is larger than {MAX_BYTES // 2**20} MiB; give a YAML file, see jobs/recipes")
    try:
        raw = parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"config {path}: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"config {path}: must be a mapping of fields, for example 'name: my-run'")
    return raw


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _set(target: Any, path: list[str], value: Any, override: str) -> None:
    """Fields that are not there yet are made: whether they may be is the model's business."""
    for place, key in enumerate(path):
        if isinstance(target, list):
            if not (key.isascii() and key.isdigit()) or int(key) >= len(target):
                raise ConfigError(f"--set {override}: {key!r} is no place in a list of {len(target)}")
            slot: Any = int(key)
        elif isinstance(target, dict):
            slot = key
            if target.get(key) is None:
                target[key] = {}
        else:
            raise ConfigError(f"--set {override}: {'.'.join(path[:place])!r} has no field {key!r}")
        if place == len(path) - 1:
            target[slot] = value
        target = target[slot]
