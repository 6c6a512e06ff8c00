"""YAML and `--set` to a RunConfig; everything a user can get wrong is one line."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from skillray.config.model import RunConfig
from skillray.errors import ConfigError, StorageError
from skillray.store.files import read_bytes


class _StrictLoader(yaml.SafeLoader):
    """No tags, no aliases, no key twice: YAML that means what it looks like."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError(f"line {self.peek_event().start_mark.line + 1}: aliases are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: key {key.value!r} stands twice")
            seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def load_config(path: str, overrides: Sequence[str] = ()) -> RunConfig:
    """The run that `path` describes, with `a.b=value` overrides applied.

    Raises:
        ConfigError: one line with field, rule and value.
    """
    return parse(apply(_read(path), overrides), path)


def parse(raw: Mapping[str, Any], where: str) -> RunConfig:
    try:
        return RunConfig.model_validate(dict(raw))
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_problem(error)}") from None


def parse_yaml(text: str) -> Any:
    """A value of plain YAML.

    Raises:
        ConfigError: not plain YAML.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError((f"line {mark.line + 1}: " if mark else "") + " ".join(problem.split())) from None


def apply(raw: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`raw` with each `dotted.path=YAML value` set; a number in the path is a place in a list."""
    changed: Any = _copy(raw)
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path:
            raise ConfigError(f"--set takes FIELD=VALUE, for example training.learning_rate=1e-4; got {override!r}")
        _set(changed, path.split("."), parse_yaml(text), override)
    return dict(changed)


def dump_config(config: RunConfig) -> str:
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def _read(path: str) -> Mapping[str, Any]:
    try:
        text = read_bytes(path).decode()
    except FileNotFoundError:
        raise ConfigError(f"config {path}: No such file or directory") from None
    except (StorageError, UnicodeDecodeError) as error:
        reason = getattr(error.__cause__, "strerror", error) if isinstance(error, StorageError) else "is not UTF-8 text"
        raise ConfigError(f"config {path}: {reason}") from None
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
            if not key.isdigit() or int(key) >= len(target):
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


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    # An unknown key explains the missing ones that its typo leaves, so it is told first.
    worst = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    field = ".".join(str(part) for part in worst["loc"])
    if worst["type"] == "extra_forbidden":
        return f"unknown field {field!r}{_nearest(worst['loc'])}{more}"
    message = worst["msg"].removeprefix("Value error, ")
    shown = "" if worst["type"] in ("missing", "value_error") else f"; got {str(worst['input'])[:60]!r}"
    return f"{field + ': ' if field else ''}{message}{shown}{more}"


def _nearest(location: tuple[int | str, ...]) -> str:
    known = _fields_at(RunConfig, location[:-1])
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    if close:
        return f", did you mean {close[0]!r}?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def _fields_at(model: Any, location: Sequence[int | str]) -> list[str]:
    """Field names at a pydantic error location; tags of unions (a strategy's `type`) stand in it too."""
    models = [model]
    for part in location:
        if isinstance(part, int):
            continue
        inner = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        if inner:
            models = [leaf for annotation in inner for leaf in _models_in(annotation)]
        else:
            models = [m for m in models if "type" in m.model_fields and m.model_fields["type"].default == part]
    return [name for m in models for name in m.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
