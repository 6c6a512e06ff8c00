"""From the text of an LLM to a typed reply. Anything may come back; nothing that comes back raises."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from skillray.skills.graph import bare
from skillray.skills.names import MAX_NAME, normalised
from skillray.skills.names import written as as_named
from skillray.teacher.forms import MAX_ASIDE
from skillray.teacher.tasks import (
    ClusterSkills,
    Compose,
    Decompose,
    Grade,
    LabelSkills,
    NameMissingSkills,
    Outcome,
    Reply,
    Request,
    Rewrite,
    Solve,
    WriteExercises,
    WriteQuestions,
    WriteTextbook,
)
from skillray.teacher.tasks import written as as_written
from skillray.types import Question

MAX_READ = 200_000
"""Characters of a reply that are read; a longer one ran away."""
MAX_RAW = 2_000
"""Characters kept of a text that could not be read."""
MAX_SKILLS = 5
"""Labels of a question (STAT, arXiv 2510.10023, C.3.1)."""
MAX_STARTS = 50
"""Places at which an object is looked for: a text of braces alone must not take a second."""
MAX_TAGGED = 20_000
"""Characters at the end that are searched for tags: unclosed ones take quadratic time."""

Listing = LabelSkills | ClusterSkills | NameMissingSkills | WriteQuestions | Decompose | Grade
_FIELDS = frozenset({"skills", "judge", "questions", "clusters", "exercises", "problem", "sub_skills", "points"})
_POINTS = {"0": 0, "1": 1, "false": 0, "true": 1}
_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+(.+)$")
_START = re.compile(r"\{\s*\"|\[\s*(?:\"|\{\s*\")")
"""Of JSON; the braces of LaTeX are followed by other things."""
_TAG = re.compile(r"<(judge|skill|question)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^```\w*\n", re.MULTILINE)
"""The opening one."""
_THOUGHT = "</think>"
"""Ends what a model of the reasoning kind says to itself; some servers keep its beginning."""
_HEADING = re.compile(r"^(?:#+ .*|\*\*[^*\n]+\*\*:?)$", re.MULTILINE)
_PART = re.compile(r"^## (.*)$", re.MULTILINE)
"""Of a passage, as its prompt asks for it."""
_ESCAPE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|(?P<latex>[bfr](?=[A-Za-z])|u|[^"\\/bfnrtu]|$)|.)', re.DOTALL)
"""Of JSON; `latex`: what is none, or one that no text has, such as the \\f of \\frac."""
_COMMANDS = re.compile(
    r"(?:\\n(?:abla|eg|eq|ewline|geq|leq|ot|otin)|\\t(?:an|au|ext\w*|frac|heta|imes|o|riangle)|(?<=[ $({])\\n[eu])"
    r"(?![A-Za-z])"
)
"""LaTeX that would be escapes of JSON by chance, and that no word makes after a line break or a tab; e and u may be
names of their own, but few lines end in a space or a bracket."""
_CARELESS = re.compile(r"\\(?:n(?:abla|e|eg|eq|ewline|geq|leq|ot|otin|u)(?![A-Za-z])|t[A-Za-z])")
"""The same where other LaTeX of the text is not escaped either."""
_REFUSAL = re.compile(
    r"\s*(?:unfortunately,? )?(?:(?:i['’]m|i am) (?:very )?sorry|sorry,|i apologi[sz]e|as an ai\b"
    r"|(?:i['’]m|i am) (?:unable|not able)"
    r"|i can(?:no|['’])t (?:answer|assist|comply|create|fulfill?|generate|help|produce|provide|write))",
    re.IGNORECASE,
)


def parse(request: Request, text: str, finish_reason: str = "stop", prompt: str = "") -> Reply:
    """The reply that `text` is. Surrogates that no file can hold are replaced first, and thoughts are no part of it.

    `prompt`: what was asked; the parts that it names ("## ...") a passage must have, all but one: some have nothing to
    say on what it builds on.
    """
    text = text.encode("utf-8", "replace").decode().rpartition(_THOUGHT)[2][: MAX_READ + 1]
    if finish_reason == "content_filter":
        return _without_value(Outcome.REFUSED, text)
    if finish_reason == "length" or len(text) > MAX_READ:
        return _without_value(Outcome.TRUNCATED, text)
    if not text.strip():
        return Reply(outcome=Outcome.EMPTY)
    match request:
        case Solve() | Rewrite():
            return _refused(text) or Reply(outcome=Outcome.OK, value=text.strip())
        case WriteTextbook():
            return _refused(text) or _passage(text, prompt)
        case WriteExercises() | Compose():
            return _refused(text) or _problems(request, text)
        case _:
            return _listed(request, text)


def _listed(request: Listing, text: str) -> Reply:
    """Names or questions, in the forms that models use for a list."""
    body = _body(text, request.response if isinstance(request, NameMissingSkills | Grade) else "")
    if body is None:
        return _refused(text) or _without_value(Outcome.MALFORMED, text)
    return _read(body, request, text)


def _read(body: dict[str, Any], request: Listing, text: str) -> Reply:
    match request:
        case LabelSkills():
            names = _strings(body.get("skills"))
            return _skills(names, request.allowed, text, MAX_SKILLS) if request.allowed else _named(names, text)
        case ClusterSkills():
            return _clusters(body.get("clusters"), request.labels, text)
        case NameMissingSkills():
            return _missing(body, request, text)
        case WriteQuestions():
            return _questions(body, request, text)
        case Decompose():
            return _parts(body.get("sub_skills", body.get("skills")), request, text)
        case Grade():
            return _points(body.get("points"), request, text)


def _body(text: str, quoted: str) -> dict[str, Any] | None:
    """The last JSON object in the text, else the papers' tags, else a list of lines.

    `quoted`: what a student wrote. An object of it that the teacher repeats is not the teacher's judgement.
    """
    objects = _objects(text, quoted)
    if objects:
        return objects[-1]
    if tags := [(name.lower(), inner.strip()) for name, inner in _TAG.findall(text[-MAX_TAGGED:])]:
        named = [part for name, inner in tags if name == "skill" for part in inner.split(",")]
        judged = next((inner for name, inner in tags if name == "judge"), None)
        return {"skills": named, "judge": judged, "questions": [inner for name, inner in tags if name == "question"]}
    items = [match[1] for line in text.splitlines() if (match := _ITEM.match(line))]
    return {"skills": items, "questions": items} if items else None


def _objects(text: str, quoted: str) -> list[dict[str, Any]]:
    """JSON objects that have a field of ours, outermost only, in order. A bare list of strings counts as its list, and
    where there is nothing else one of objects with names.
    """
    decoder, found, place = json.JSONDecoder(strict=False), list[dict[str, Any]](), 0
    text, quoted = _mended(text), _mended(quoted)
    others: list[dict[str, Any]] = []
    for _ in range(MAX_STARTS):
        start = _START.search(text, place)
        if start is None:
            break
        try:
            value, place = decoder.raw_decode(text, start.start())
            if text[start.start() : place] in quoted:
                continue
        except (ValueError, RecursionError):
            place = start.start() + 1
            continue
        items = value if isinstance(value, list) else [value]
        if items and value is items and all(isinstance(item, str) for item in items):
            found.append({"skills": items, "questions": items})
        objects = [item for item in items if isinstance(item, dict)]
        found += [item for item in objects if _FIELDS & item.keys()]
        if value is items and objects and all("name" in item for item in objects):
            others.append({"sub_skills": objects, "clusters": objects})
    return found or others


def _missing(body: dict[str, Any], request: NameMissingSkills, text: str) -> Reply:
    """AdaptMI's reading (arXiv 2505.00147, code): wrong when the judgement has "incorrect" or "false" in it."""
    judge = body.get("judge")
    if judge is not None and not isinstance(judge, str | bool):
        return _without_value(Outcome.MALFORMED, text)
    judged = "incorrect" if judge is None else str(judge).casefold()  # it was asked because the scorer flagged it
    if "incorrect" not in judged and "false" not in judged:
        right = "correct" in judged or "true" in judged
        return _without_value(Outcome.JUDGED_CORRECT if right else Outcome.MALFORMED, text)
    return _skills(_strings(body.get("skills")), request.allowed, text, len(request.allowed))


def _skills(named: Sequence[str] | None, allowed: Sequence[str], text: str, most: int) -> Reply:
    if named is None:
        return _without_value(Outcome.MALFORMED, text)
    by_name = {normalised(skill): skill for skill in allowed}
    known = list(dict.fromkeys(by_name[key] for name in named if (key := normalised(name)) in by_name))
    if known:
        return Reply(outcome=Outcome.OK, value=known[:most])
    return _without_value(Outcome.UNKNOWN_SKILL if named else Outcome.EMPTY, text)


def _named(named: Sequence[str] | None, text: str) -> Reply:
    """The first name, written as ours are."""
    if named is None:
        return _without_value(Outcome.MALFORMED, text)
    names = [name for one in named if 0 < len(name := "_".join(normalised(one).split())) <= MAX_NAME]
    return Reply(outcome=Outcome.OK, value=names[:1]) if names else _without_value(Outcome.EMPTY, text)


def _clusters(clusters: Any, labels: Sequence[str], text: str) -> Reply:
    """A label counts in the first family that has it; names that were not asked about are dropped."""
    if not isinstance(clusters, list):
        return _without_value(Outcome.MALFORMED, text)
    left, found = {normalised(label): label for label in labels}, dict[str, list[str]]()
    for cluster in clusters:
        named = _named(_strings([cluster.get("name")]), text).value if isinstance(cluster, dict) else None
        members = _strings(cluster.get("labels")) if named else None
        known = [left.pop(key) for member in members or () if (key := normalised(member)) in left]
        if named and known:
            found.setdefault(named[0], []).extend(known)
    return Reply(outcome=Outcome.OK, value=found) if found else _without_value(Outcome.UNKNOWN_SKILL, text)


def _parts(parts: Any, request: Decompose, text: str) -> Reply:
    """Objects, or plain texts "name: description". Each once; a skill is no part of itself."""
    if not isinstance(parts, list):
        return _without_value(Outcome.MALFORMED, text)
    found: dict[str, str] = {}
    for part in parts:
        name, said = _described(part)
        if 0 < len(name) <= MAX_NAME and normalised(name) != normalised(request.skill):
            found.setdefault(name, said)
    value = [{"name": name, "description": said} for name, said in list(found.items())[: request.breadth]]
    if value:
        return Reply(outcome=Outcome.OK, value=value)
    return _without_value(Outcome.MALFORMED, text) if parts else Reply(outcome=Outcome.EMPTY)


def _points(points: Any, request: Grade, text: str) -> Reply:
    """Whole points or booleans, one for each criterion: a grade with a hole is none."""
    values = [_POINTS.get(str(point).strip().casefold()) for point in points] if isinstance(points, list) else []
    if len(values) != len(request.criteria) or None in values:
        return _without_value(Outcome.MALFORMED, text)
    return Reply(outcome=Outcome.OK, value=values)


def _described(part: Any) -> tuple[str, str]:
    """The name, written as ours are, and the description; "" for what is not there."""
    if isinstance(part, str):
        name, _, said = part.partition(": ")
    else:
        fields = part if isinstance(part, dict) else {}
        name, said = (str(fields.get(field) or "") for field in ("name", "description"))
    name, said = (one.encode("utf-8", "replace").decode() for one in (name, said))
    return as_named(name), said.strip()[:MAX_ASIDE]


def _questions(body: dict[str, Any], request: WriteQuestions, text: str) -> Reply:
    texts = body.get("questions")
    texts = _strings([texts] if isinstance(texts, str) else texts)
    if texts is None:
        return _without_value(Outcome.MALFORMED, text)
    seeds = {normalised(seed.question) for seed in request.seeds}
    new = [item for item in dict.fromkeys(texts) if normalised(item) not in seeds]
    if not new:
        return _without_value(Outcome.EMPTY, text)
    return Reply(outcome=Outcome.OK, value=[as_written(_new(item, request)) for item in new[: request.count]])


def _new(text: str, request: WriteQuestions) -> Question:
    """Subject and level of the first seed: the new one is to be as hard. Unlabelled where no skill was asked for."""
    subject, level = (request.seeds[0].subject, request.seeds[0].level) if request.seeds else ("", None)
    skills = (request.skill,) if request.skill else ()
    return Question(question_id=b"", question=text, answer="", solution="", skills=skills, subject=subject, level=level)


def _problems(request: WriteExercises | Compose, text: str) -> Reply:
    """Problems with their solutions: a list of them, or each in an object of its own."""
    objects = _objects(text, "")
    if isinstance(request, Compose):
        objects = objects[-1:]
    bodies = [one for body in objects for one in (body["exercises"] if _is_list(body, "exercises") else [body])]
    if not bodies:
        return _without_value(Outcome.MALFORMED if not objects else Outcome.EMPTY, text)
    pairs = [pair for body in bodies if (pair := _problem(body)) is not None]
    if not pairs:
        return _without_value(Outcome.MALFORMED, text)
    match request:
        case WriteExercises():
            value = [as_written(_exercise(*pair, request)) for pair in _by_problem(pairs)[: request.count]]
            return Reply(outcome=Outcome.OK, value=value)
        case Compose():
            easy = {_squeezed(question.question) for question in request.questions}
            problem, solution, _ = pairs[-1]
            if _squeezed(problem) in easy:
                return _without_value(Outcome.EMPTY, text)
            return Reply(outcome=Outcome.OK, value=as_written(_composed(problem, solution, request)))


_Problem = tuple[str, str, list[str]]
"""Problem, solution, and the skills that it names."""


def _problem(body: Any) -> _Problem | None:
    """None where one of the two texts is missing."""
    if not isinstance(body, dict):
        return None
    texts = [_clean(body.get(name)) for name in ("problem", "solution")]
    return (texts[0], texts[1], _strings(body.get("skills")) or []) if all(texts) else None


def _by_problem(pairs: Sequence[_Problem]) -> list[_Problem]:
    return list({_squeezed(pair[0]): pair for pair in reversed(pairs)}.values())[::-1]


def _squeezed(text: str) -> str:
    """Signs tell problems apart, spaces do not."""
    return "".join(text.casefold().split())


def _exercise(problem: str, solution: str, named: list[str], request: WriteExercises) -> Question:
    known = {normalised(bare(skill, request.subject)): skill for skill in request.learned}
    used = [known[key] for name in named if (key := normalised(name)) in known]
    skills = tuple(dict.fromkeys((request.skill, *used)))[:MAX_SKILLS]
    return _solved(problem, solution, skills, request.subject, None)


def _composed(problem: str, solution: str, request: Compose) -> Question:
    """It needs what they need, and is one level harder than the hardest."""
    skills = tuple(dict.fromkeys(skill for question in request.questions for skill in question.skills))[:MAX_SKILLS]
    levels = [question.level for question in request.questions if question.level is not None]
    return _solved(problem, solution, skills, request.questions[0].subject, max(levels) + 1 if levels else None)


def _solved(problem: str, solution: str, skills: tuple[str, ...], subject: str, level: int | None) -> Question:
    texts = {"question": problem, "answer": "", "solution": solution}
    return Question(question_id=b"", skills=skills, subject=subject, level=level, **texts)


def _is_list(body: dict[str, Any], name: str) -> bool:
    return isinstance(body.get(name), list)


def _mended(text: str) -> str:
    """With LaTeX escaped that a model forgot to escape."""
    careless = any(match["latex"] is not None for match in _ESCAPE.finditer(text))
    commands = _CARELESS if careless else _COMMANDS

    def mend(match: re.Match[str]) -> str:
        is_latex = match["latex"] is not None or commands.match(text, match.start())
        return f"\\{match[0]}" if is_latex else match[0]

    return _ESCAPE.sub(mend, text)


def _passage(text: str, prompt: str) -> Reply:
    """Out of its fence and, where the prompt names parts, from the first heading on: it is learnt as it stands."""
    text = _unfenced(text.strip())
    headings = list(_HEADING.finditer(text))
    said = "\n".join(match[0].casefold() for match in headings)
    parts = [part.strip().casefold() for part in _PART.findall(prompt)]
    if sum(part not in said for part in parts) > 1:
        return _without_value(Outcome.MALFORMED, text)
    return Reply(outcome=Outcome.OK, value=text[headings[0].start() if parts and headings else 0 :].strip())


def _unfenced(text: str) -> str:
    """What stands in a block of code as a whole, be it after a word of greeting; other blocks are part of the text."""
    opening, end = _FENCE.search(text), text.rfind("\n```")
    if opening is None or opening.end() > end:
        return text
    inside, before = text[opening.end() : end], text[: opening.start()]
    is_whole = not before and text.count("```") == 2 and text.endswith("```")
    return inside if is_whole or (_HEADING.search(inside) and not _HEADING.search(before)) else text


def _clean(value: Any) -> str:
    """JSON escapes can make surrogates, which no file can hold."""
    return value.encode("utf-8", "replace").decode().strip() if isinstance(value, str) else ""


def _strings(value: Any) -> list[str] | None:
    """Texts of a list, or of one text with commas; None for anything else."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return [item for item in map(_clean, value) if item]


def _refused(text: str) -> Reply | None:
    return _without_value(Outcome.REFUSED, text) if _REFUSAL.match(text) else None


def _without_value(outcome: Outcome, text: str) -> Reply:
    return Reply(outcome=outcome, raw=text[:MAX_RAW])
