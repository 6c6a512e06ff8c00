"""What pydantic found, as one line: field, rule, value, and the nearest name of an unknown field."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from skillray.config.model import RunConfig

_RULES = {
    "missing": "must be given",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of fields",
    "dict_type": "must be a mapping of fields",
    "too_short": "must have at least {min_length} entry",
    "string_pattern_mismatch": "must be 1 to 63 lower case letters, digits, '-' and '_', the first a letter or digit",
}
"""By pydantic's type of a problem, where its own words speak of Python. The only pattern is that of names."""
_SHOWN = 60
"""Characters of a wrong value that are shown."""


def first_problem(error: ValidationError) -> str:
    """The problem to mend first, and how many others there are."""
    problems = error.errors(include_url=False)
    # An unknown key explains the missing ones that its typo leaves, so it is told first.
    worst = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    others = [problem for problem in problems if problem["loc"] != worst["loc"][: len(problem["loc"])]]
    more = f" (and {len(others)} more)" if others else ""
    models, path = _walk(worst["loc"])
    field = ".".join(path)
    if worst["type"] == "extra_forbidden":
        return f"unknown field {field!r}{_nearest(path[-1], _walk(worst['loc'][:-1])[0])}{more}"
    return f"{field + ': ' if field else ''}{_rule(worst, models)}{more}"


def _rule(problem: Mapping[str, Any], models: Sequence[type[BaseModel]]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "value_error":
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return _RULES[kind]
    if kind == "union_tag_not_found":
        tag = _tag_of(models[0])
        return f"needs a `{tag}`, one of {', '.join(str(m.model_fields[tag].default) for m in models)}"
    if kind == "union_tag_invalid":
        close = difflib.get_close_matches(context["tag"], context["expected_tags"].replace("'", "").split(", "), n=1)
        tag = _tag_of(models[0])
        return f"unknown {tag} {context['tag']!r}, one of {context['expected_tags']}{_did_you_mean(close)}"
    rule = _RULES[kind].format(**context) if kind in _RULES else str(problem["msg"]).replace("Input should", "must")
    shown = repr(problem["input"])
    return f"{rule}; got {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"


def _nearest(name: str, models: Sequence[type[BaseModel]]) -> str:
    known = [field for model in models for field in model.model_fields]
    short = [field for field in known if "".join(word[0] for word in field.split("_")) == name]  # lr
    close = short or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return _did_you_mean(close) or (f"; known here: {', '.join(sorted(known))}" if known else "")


def _did_you_mean(close: Sequence[str]) -> str:
    return f", did you mean {close[0]!r}?" if close else ""


def _walk(location: Sequence[int | str]) -> tuple[list[type[BaseModel]], list[str]]:
    """The models at a pydantic location, and its path as a user writes it: without the tags of unions."""
    models: list[type[BaseModel]] = [RunConfig]
    path = []
    for part in location:
        if len(models) > 1 and not isinstance(part, int):  # inside a union stands first which of it: its tag
            models = [model for model in models if model.model_fields[_tag_of(model)].default == part]
            continue
        path.append(str(part))
        if not isinstance(part, int):
            models = [leaf for model in models if part in model.model_fields for leaf in _leaves(model, part)]
    return models, path


def _tag_of(model: type[BaseModel]) -> str:
    """The field that tells the variants of a union apart."""
    return "type" if "type" in model.model_fields else "source"


def _leaves(model: type[BaseModel], field: str) -> list[type[BaseModel]]:
    return _models_in(model.model_fields[field].annotation)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
