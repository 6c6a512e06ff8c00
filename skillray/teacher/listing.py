"""Where a reply has what it was asked for: in an object, in tags, in lines with their names, or in a plain list."""

from __future__ import annotations

import re
from typing import Any

from skillray.skills.names import normalised
from skillray.teacher.fields import field_of, has_field
from skillray.teacher.json_text import objects_in, values_in
from skillray.teacher.judgement import means_right
from skillray.teacher.naming import by_spelling, known_names, names_of
from skillray.teacher.tasks import (
    ClusterSkills,
    Decompose,
    Grade,
    LabelSkills,
    NameMissingSkills,
    WriteQuestions,
)

Listing = LabelSkills | ClusterSkills | NameMissingSkills | WriteQuestions | Decompose | Grade
MAX_TAGGED = 20_000
"""Characters at the end that are searched for tags: unclosed ones take quadratic time."""
MAX_PLAIN = 2_000
"""Characters of a reply that may be names alone."""

_WANTED: dict[type, tuple[str, ...]] = {
    LabelSkills: ("skills",),
    ClusterSkills: ("clusters",),
    NameMissingSkills: ("judge", "skills"),
    WriteQuestions: ("questions",),
    Decompose: ("sub_skills",),
    Grade: ("points",),
}
_TAG = re.compile(r"<(judge(?:ment)?|skill|question)s?>(.*?)</\1s?>", re.DOTALL | re.IGNORECASE)
_ITEM = re.compile(
    r"^(?P<indent>\s*)(?P<mark>[-*•‣·]|\(?\d{1,3}[.):]|\**(?:question|problem|exercise)\s+\d{1,3}\s*[.):]\**)\s+(?P<text>.+)$",
    re.IGNORECASE,
)
_LINE = re.compile(
    r"^[\s*_#>-]*(?P<name>judge(?:ment)?|judgment|verdict|(?:missing |needed |required |lacking )?skills?)"
    r"[\s*_]*[:=：][\s*_]*(?P<text>[^{\[]*)$",
    re.IGNORECASE,
)
_STATES = re.compile(
    r"\b(?:answer|response|solution|work|student|judge?ment|verdict)\b[^.\n:{]{0,40}?(?:\b(?:is|was)\b|:)(?P<text>[^.\n{]+)",
    re.IGNORECASE,
)
_LONE_NAME = re.compile(r"[^\W\d][\w+#/-]*")


def reply_body(request: Listing, text: str, quoted: str) -> dict[str, Any] | None:
    """The last object that has what was asked for, else what stands for one; None where nothing does.

    Args:
        quoted: what a student wrote. An object of it that the teacher repeats is not the teacher's judgement.
    """
    values = values_in(text, quoted)
    if (body := _object(request, values)) is not None:
        return body
    return _tagged(text) or _by_lines(request, text) or _listed(request, text) or _plain(request, text)


def _object(request: Listing, values: list[Any]) -> dict[str, Any] | None:
    if isinstance(request, WriteQuestions) and (several := _one_each(values)):
        return {"questions": several}
    bodies = [body for value in values if (body := _of_value(request, value)) is not None]
    return bodies[-1] if bodies else _other(request, values)


def _of_value(request: Listing, value: Any) -> dict[str, Any] | None:
    """The first object of a value that has a wanted field, be it inside of another; a list of texts is its list."""
    wanted = _WANTED[type(request)]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return {"skills": value, "questions": value, "sub_skills": value}
    if isinstance(value, list) and isinstance(request, WriteQuestions):
        questions = [item for item in value if isinstance(item, dict) and has_field(item, "questions")]
        return {"questions": value} if len(questions) == len(value) else None
    return next((body for body in objects_in(value) if any(has_field(body, name) for name in wanted)), None)


def _one_each(values: list[Any]) -> list[Any]:
    """Questions that came in an object each; [] where they did not."""
    questions = [field_of(value, "questions") for value in values if isinstance(value, dict)]
    several = len(questions) > 1 and all(isinstance(question, str) for question in questions)
    return questions if several and len(questions) == len(values) else []


def _other(request: Listing, values: list[Any]) -> dict[str, Any] | None:
    """A list of objects with names, or an object whose keys are the names."""
    if not values:
        return None
    last = values[-1]
    if isinstance(last, list) and last and all(isinstance(item, dict) and has_field(item, "name") for item in last):
        return {"sub_skills": last, "clusters": last, "skills": last}
    if not isinstance(last, dict):
        return None
    if isinstance(request, Grade):
        return {"points": last}
    if (
        isinstance(request, ClusterSkills)
        and not has_field(last, "skills")
        and all(known_names(value, request.labels) for value in last.values())
    ):
        return {"clusters": last}
    if isinstance(request, LabelSkills) and len(last) == 1 and known_names([*last.values()], request.allowed):
        return {"skills": [*last.values()]}
    return None


def _tagged(text: str) -> dict[str, Any] | None:
    """The tags of the papers' prompts (AdaptMI, arXiv 2505.00147, code)."""
    tags = [(name.lower(), inner.strip()) for name, inner in _TAG.findall(text[-MAX_TAGGED:])]
    if not tags:
        return None
    named = [part for name, inner in tags if name == "skill" for part in inner.split(",")]
    judged = next((inner for name, inner in tags if name.startswith("judge")), None)
    return {"skills": named, "judge": judged, "questions": [inner for name, inner in tags if name == "question"]}


def _by_lines(request: Listing, text: str) -> dict[str, Any] | None:
    """`Judge: incorrect` and `Skills: ...` in lines of their own, names behind the colon or listed below it."""
    if not isinstance(request, LabelSkills | NameMissingSkills):
        return None
    body: dict[str, Any] = {}
    lines = text[:MAX_TAGGED].splitlines()
    for place, line in enumerate(lines):
        if (match := _LINE.match(line)) is None:
            continue
        if match["name"].lower().startswith(("judge", "judgment", "verdict")):
            body["judge"] = match["text"]
        else:
            below = [item["text"] for other in lines[place + 1 :] if (item := _ITEM.match(other))]
            body["skills"] = match["text"] or below
    allowed = request.allowed
    is_named = "judge" in body or (allowed and known_names(body.get("skills"), allowed))
    return body if is_named else None


def _listed(request: Listing, text: str) -> dict[str, Any] | None:
    items = _items(text, whole=isinstance(request, WriteQuestions))
    if not items:
        return None
    body: dict[str, Any] = {"skills": items, "questions": items, "sub_skills": items, "clusters": items}
    if isinstance(request, NameMissingSkills) and (stated := _STATES.search(text)) is not None:
        body["judge"] = stated["text"]  # "The answer is correct. It needs: - ...": what is not said there is unclear
    return body


def _items(text: str, whole: bool) -> list[str]:
    """Items of the outer list alone: bullets below a number belong to it.

    Args:
        whole: with the lines that go on with an item; behind a blank line only those that are indented.
    """
    items: list[str] = []
    first: re.Match[str] | None = None
    after_blank = False
    for line in text.splitlines():
        match = _ITEM.match(line)
        if match is not None and (first is None or _is_sibling(match, first)):
            first = first or match
            items.append(match["text"].strip())
        elif whole and items and line.strip() and (not after_blank or line[0].isspace()):
            items[-1] += f"\n{line.strip()}"
        after_blank = not line.strip()
    return items


def _is_sibling(item: re.Match[str], first: re.Match[str]) -> bool:
    same_kind = _is_numbered(item) == _is_numbered(first)
    return same_kind and len(item["indent"]) <= len(first["indent"])


def _is_numbered(item: re.Match[str]) -> bool:
    return any(char.isdigit() for char in item["mark"])


def _plain(request: Listing, text: str) -> dict[str, Any] | None:
    """Nothing but names of the vocabulary, or one name; of an answer that is judged, nothing but the judgement."""
    text = text.strip().strip("`*\"'“”. \n")
    if len(text) > MAX_PLAIN or any(bracket in text for bracket in "{}[]"):
        return None
    if isinstance(request, LabelSkills) and not request.allowed:
        return {"skills": [text]} if _LONE_NAME.fullmatch(text) else None
    if isinstance(request, Decompose):
        parts = [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]
        return {"sub_skills": names_of(parts)} if parts and all(map(_LONE_NAME.fullmatch, parts)) else None
    if not isinstance(request, LabelSkills | NameMissingSkills):
        return None
    names = by_spelling(request.allowed)
    parts = [part for part in re.split(r"[,;\n]", text) if part.strip()]
    if normalised(text) in names or (parts and all(normalised(part) in names for part in parts)):
        return {"skills": [text] if normalised(text) in names else parts}
    if isinstance(request, NameMissingSkills) and len(text) < 40 and means_right(text) is not None:
        return {"judge": text, "skills": []}
    return None
