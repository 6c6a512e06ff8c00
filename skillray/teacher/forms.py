"""JSON schemas of what a teacher is to reply, for servers that hold a model to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skillray.teacher.tasks import (
    ClusterSkills,
    Compose,
    Decompose,
    Grade,
    LabelSkills,
    NameMissingSkills,
    Request,
    WriteExercises,
    WriteQuestions,
)

MAX_ITEMS, MAX_ASIDE, MAX_TEXT = 8, 300, 2_000
"""Of a list; characters of a reason or sketch, and of a question: where the server takes bounds."""
MAX_SOLUTION = 6_000
"""Characters of a solution that stands inside of JSON."""
MAX_LABELS = 200
"""Of a list of families, or of one: as many as may be asked about at once, and more."""
MAX_ENUM = 500
"""Names that a schema lists; servers refuse thousands."""

_NAMES = {"type": "array", "items": {"type": "string"}}
_TEXT = {"type": "string"}


def schema(request: Request) -> dict[str, Any] | None:
    """JSON schema of the reply for structured output; None where plain text is asked for."""
    match request:
        case LabelSkills():
            return _object(reason=_TEXT, skills=_names_of(request.allowed))
        case ClusterSkills():
            members = _object(name=_TEXT, labels=_names_of(request.labels))
            return _object(clusters={"type": "array", "items": members})
        case NameMissingSkills():
            judge = {"type": "string", "enum": ["correct", "incorrect"]}
            return _object(judge=judge, reason=_TEXT, skills=_names_of(request.allowed))
        case WriteQuestions():
            return _object(reason=_TEXT, draft=_TEXT, questions=_NAMES)
        case WriteExercises():
            exercise = _object(problem=_TEXT, solution=_TEXT, skills=_NAMES)
            return _object(exercises={"type": "array", "items": exercise})
        case Compose():
            return _object(reason=_TEXT, problem=_TEXT, solution=_TEXT)
        case Decompose():
            return _object(sub_skills={"type": "array", "items": _object(name=_TEXT, description=_TEXT)})
        case Grade():
            points = {"type": "array", "items": {"type": "integer", "enum": [0, 1]}}
            return _object(reason=_TEXT, points=points)
        case _:
            return None


def bounded(form: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """`form` with an end to every text and list: a weak model writes on until its tokens are used up. For vLLM;
    OpenAI's own service takes no such bounds.
    """
    match form:
        case {"type": "object", "properties": properties}:
            return {**form, "properties": {key: bounded(inner, key) for key, inner in properties.items()}}
        case {"type": "array", "items": items}:
            return {
                **form,
                "items": bounded(items),
                "maxItems": MAX_LABELS if name in ("clusters", "labels", "sub_skills", "points") else MAX_ITEMS,
            }
        case {"type": "string"} if "enum" not in form:
            most = MAX_SOLUTION if name == "solution" else MAX_TEXT
            return {**form, "maxLength": MAX_ASIDE if name in ("reason", "draft", "name", "description") else most}
        case _:
            return dict(form)


def _names_of(allowed: Sequence[str]) -> dict[str, Any]:
    if not 0 < len(allowed) <= MAX_ENUM:
        return _NAMES
    return {"type": "array", "items": {"type": "string", "enum": list(allowed)}}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
