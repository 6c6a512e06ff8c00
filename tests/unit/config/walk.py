"""Every field of a config, with another valid value for it, made from its type alone."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from skillray.config import RunConfig, parse
from skillray.errors import ConfigError

VALUES: dict[str, Any] = {
    "cluster.address": "auto",
    "teacher.max_replicas": 1,
    "rollout.prompt.date": "2026-12-01",
    "students.*.prompt.date": "2026-12-01",
    "teacher.max_tokens": {"solve": 4096},
    "teacher_by_task.*.teacher.max_tokens": {"solve": 4096},
    "teacher_by_task.*.teacher.max_replicas": 1,
    "teacher_by_task.*.tasks": ["compose"],
    "students.*.stages.*.dynamics.actions": ["drop_error"],
    "evaluation.sets.*.benchmark": "gsm8k",
    "evaluation.sets.*.metric": "pass@1",
    "evaluation.sets.*.prompt.date": "2025-02-03",
    "evaluation.contrasts.*.arm": "c",
    "evaluation.contrasts.*.control": "c",
}
"""Where no value that the type alone suggests is right."""
TAGS = ("type", "source")
"""Fields that tell the variants of a union apart."""
Place = tuple[str, str, str]
"""A field, students by '*'; the class it is a field of; the variant that it has now, where there are several."""


@dataclass(frozen=True)
class Change:
    """Two configs that differ in one field."""

    path: tuple[Any, ...]
    place: Place
    before: dict[str, Any]
    now: dict[str, Any]
    told: str
    """How the difference is told to a user."""


def all_places(model: type[BaseModel] = RunConfig, prefix: str = "") -> set[Place]:
    """By the types: what `changes` has to reach."""
    found: set[Place] = set()
    for name, field in model.model_fields.items():
        dotted, inner = f"{prefix}{name}", models_in(field.annotation)
        if is_list(field.annotation):
            dotted += ".*"
        elif changes_itself(name, field.annotation):
            variants = [one.__name__ for one in inner] if len(inner) > 1 else []
            found |= {(dotted, model.__name__, variant) for variant in variants or [""]}
        for one in inner:
            found |= all_places(one, f"{dotted}.")
    return found


def changes(starts: list[dict[str, Any]]) -> Iterator[Change]:
    """One for every place that can be reached: from a config that is right to another one."""
    todo, done = [parse(start, "start").model_dump(mode="json") for start in starts], set[Place]()
    for config in todo:  # grows: another variant has other fields
        found = list(_changes(RunConfig, config, (), config, frozenset(done)))
        todo += [change.now for change in found if isinstance(_at(change.now, change.path), Mapping)]
        done |= {change.place for change in found}
        yield from found


def _changes(
    model: type[BaseModel], value: dict[str, Any], path: tuple[Any, ...], config: dict[str, Any], done: frozenset[Place]
) -> Iterator[Change]:
    for name, field in model.model_fields.items():
        at, now, inner = (*path, name), value[name], models_in(field.annotation)
        if is_list(field.annotation):
            for index, item in enumerate(now):
                yield from _changes(inner[0], item, (*at, index), config, done)
            continue
        variant = next((one for one in inner if _is(one, now)), None)
        place = (dotted(at, "*"), model.__name__, variant.__name__ if variant and len(inner) > 1 else "")
        if changes_itself(name, field.annotation) and place not in done:
            right = (_right(config, at, other) for other in others(place[0], field.annotation, now))
            for changed in [one for one in right if one is not None][: None if inner else 1]:
                yield Change(at, place, config, changed, _told(config, at, now, _at(changed, at)))
        if variant is not None:
            yield from _changes(variant, now, at, config, done)


def others(name: str, annotation: Any, now: Any) -> list[Any]:
    """Values that the type suggests in place of `now`, right or not."""
    if name in VALUES:
        return [VALUES[name]]
    plain = unwrapped(annotation)
    if get_origin(plain) in (Union, types.UnionType):
        return [other for one in get_args(plain) for other in others(name, one, now) if other != now]
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return [] if _is(plain, now) else [minimal(plain, name)]
    if get_origin(plain) is Literal:
        return [other for other in get_args(plain) if other != now]
    made: dict[Any, list[Any]] = {
        type(None): [None],
        bool: [not now],
        int: [now + 1] if _is_number(now) else [7],
        float: [now / 2 + 0.125, now * 2] if _is_number(now) else [0.5],
        str: [f"{now}x" if isinstance(now, str) else "x"],
        tuple: [[*now, "x"], [0.5, *now[1:]]] if isinstance(now, list) else [],
        dict: [now | {"x": "y"}] if isinstance(now, dict) else [],
    }
    return made[get_origin(plain) or plain]


def minimal(model: type[BaseModel], where: str) -> dict[str, Any]:
    """With what it cannot do without: its type, and fields that have no default; texts say where they are."""
    made = {}
    for name, field in model.model_fields.items():
        if is_constant(name, field.annotation):
            made[name] = get_args(field.annotation)[0]
        elif field.is_required():
            inner = models_in(field.annotation)
            text = f"{where}.{name}".replace(".*", "")  # it may be the id of a model
            made[name] = minimal(inner[0], text) if inner else 0.5 if unwrapped(field.annotation) is float else text
    return made


def models_in(annotation: Any) -> list[type[BaseModel]]:
    plain = unwrapped(annotation)
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return [plain]
    return [] if get_origin(plain) is Literal else [one for part in get_args(plain) for one in models_in(part)]


def unwrapped(annotation: Any) -> Any:
    return unwrapped(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def is_optional(annotation: Any) -> bool:
    return type(None) in get_args(unwrapped(annotation))


def is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple and bool(models_in(annotation))


def changes_itself(name: str, annotation: Any) -> bool:
    """Or else what is in it does: a settings group that is always there and of one kind."""
    return not is_constant(name, annotation) and (len(models_in(annotation)) != 1 or is_optional(annotation))


def is_constant(name: str, annotation: Any) -> bool:
    """The tag of a variant has one value; it changes with the field that holds the variant."""
    return name in TAGS and get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def dotted(path: tuple[Any, ...], student: str) -> str:
    """`student` stands for the first number of students, and '*' for all numbers."""
    first = student if student == "*" or path[0] == "students" else None
    numbers = iter([first, *("*" if student == "*" else None for _ in path)])
    return ".".join(part if isinstance(part, str) else next(numbers) or str(part) for part in path)


def _is(model: type[BaseModel], value: Any) -> bool:
    fields = model.model_fields
    tag = next((name for name in TAGS if name in fields and is_constant(name, fields[name].annotation)), "")
    kind = fields.get(tag)
    return isinstance(value, Mapping) and (kind is None or value.get(tag) in get_args(kind.annotation))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _right(config: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any] | None:
    """`config` with `value` at `path`, where that is a config."""
    try:
        changed: dict[str, Any] = parse(_with(config, path, value), "changed").model_dump(mode="json")
    except ConfigError:
        return None
    return changed if _at(changed, path) != _at(config, path) else None


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, list):
        return [_with(one, path[1:], new) if place == path[0] else one for place, one in enumerate(value)]
    return value | {path[0]: _with(value[path[0]], path[1:], new)}


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    return _at(value[path[0]], path[1:]) if path else value


def _told(config: dict[str, Any], path: tuple[Any, ...], old: Any, new: Any) -> str:
    of_student = path[0] == "students"
    name = dotted(path, config["students"][path[1]]["name"]) if of_student else ".".join(map(str, path))
    if of_student and path[2:] == ("name",):
        return f"students.{old} was there, now it is not"
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        tag = next((tag for tag in TAGS if tag in old), None)
        # Without a tag the value was filled in again, and one field of it is another; or a mapping is another.
        key = tag or next(key for key in {**old, **new} if old.get(key) != new.get(key))
        return f"{name}.{key} was {old.get(key)!r}, now {new.get(key)!r}"
    return f"{name} was {old!r}, now {new!r}"
