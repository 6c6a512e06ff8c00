"""From the text of an LLM to a typed reply. Anything may come back; nothing that comes back raises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from skillray.skills.names import MAX_NAME, normalised
from skillray.skills.names import written as as_named
from skillray.teacher.answer_only import only_an_answer
from skillray.teacher.fields import field_of, has_field, text_of
from skillray.teacher.forms import MAX_ASIDE, MAX_ITEMS
from skillray.teacher.json_text import objects_in, values_in
from skillray.teacher.judgement import means_right
from skillray.teacher.listing import Listing, reply_body
from skillray.teacher.naming import described, known_names, names_of
from skillray.teacher.points import alone_in, points_of
from skillray.teacher.problems import problems_in
from skillray.teacher.tasks import (
    MAX_SKILLS,
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
from skillray.thoughts import without_thoughts
from skillray.types import Question

MAX_READ = 200_000
"""Characters of a reply that are read; a longer one ran away."""
MAX_WITH_THOUGHTS = 20 * MAX_READ
"""Characters in which thoughts are looked for."""
MAX_RAW = 2_000
"""Characters kept of a text that could not be read."""
MOST_OF_THE_VOCABULARY = 0.5
"""Share of the skills to choose from above which a reply has chosen nothing. Ours."""
_FENCE = re.compile(r"^```\w*\n", re.MULTILINE)
"""The opening one."""
_HEADING = re.compile(r"^(?:#+ .*|\*\*[^*\n]+\*\*:?)$", re.MULTILINE)
_PART = re.compile(r"^## (.*)$", re.MULTILINE)
"""Of a passage, as its prompt asks for it."""
_REFUSAL = re.compile(
    r"\s*(?:unfortunately,? )?(?:(?:i['’]m|i am) (?:very )?sorry|sorry,|i apologi[sz]e|as an ai\b"
    r"|(?:i['’]m|i am) (?:unable|not able)"
    r"|i can(?:no|['’])t (?:answer|assist|comply|create|fulfill?|generate|help|produce|provide|write)"
    r"|es tut mir (?:sehr )?leid|lo siento|je suis désolée?|mi dispiace|desculpe|lamento|извините|к сожалению, я"
    r"|对不起|抱歉|很抱歉|對不起|申し訳|すみません|죄송)",
    re.IGNORECASE,
)


def parse(request: Request, text: str, finish_reason: str = "stop", prompt: str = "") -> Reply:
    """The reply that `text` is. Surrogates that no file can hold are replaced first, and thoughts are no part of it.

    `prompt`: what was asked; the parts that it names ("## ...") a passage must have, all but one: some have nothing to
    say on what it builds on.
    """
    text = text[:MAX_WITH_THOUGHTS].encode("utf-8", "replace").decode()
    text = without_thoughts(text)[: MAX_READ + 1]
    if finish_reason == "content_filter":
        return _without_value(Outcome.REFUSED, text)
    if finish_reason == "length" or len(text) > MAX_READ:
        return _without_value(Outcome.TRUNCATED, text)
    if not text.strip():
        return Reply(outcome=Outcome.EMPTY)
    match request:
        case Solve() | Rewrite():
            return _refused(text) or _solution(request, _plain(text))
        case WriteTextbook():
            return _refused(text) or _passage(text, prompt)
        case WriteExercises() | Compose():
            return _refused(text) or _problems(request, text)
        case _:
            return _listed(request, text)


def _solution(request: Solve | Rewrite, text: str) -> Reply:
    """A rewrite is to show the steps of its reference, where that has any."""
    has_steps = isinstance(request, Rewrite) and not only_an_answer(request.question.solution)
    if has_steps and only_an_answer(text):
        return _without_value(Outcome.NO_STEPS, text)
    return Reply(outcome=Outcome.OK, value=text)


def _plain(text: str) -> str:
    """A solution that came as the only text of a JSON object; any other text as it is."""
    text = text.strip()
    if not text.startswith("{"):
        return text
    values = values_in(text)
    body = values[0] if len(values) == 1 and isinstance(values[0], dict) else {}
    return text_of(field_of(body, "solution")) or text


def _listed(request: Listing, text: str) -> Reply:
    """Names, questions or points, in the forms that models use for a list."""
    quoted = request.response if isinstance(request, NameMissingSkills | Grade) else ""
    body = reply_body(request, text, quoted)
    if body is None and (refused := _refused(text)) is not None:
        return refused
    if body is None and not isinstance(request, Grade):  # points may be a bare list
        return _without_value(Outcome.MALFORMED, text)
    return _read(body or {}, request, text)


def _read(body: dict[str, Any], request: Listing, text: str) -> Reply:
    match request:
        case LabelSkills():
            skills = field_of(body, "skills")
            return _skills(skills, request.allowed, text, MAX_SKILLS) if request.allowed else _named(skills, text)
        case ClusterSkills():
            return _clusters(field_of(body, "clusters"), request.labels, text)
        case NameMissingSkills():
            return _missing(body, request, text)
        case WriteQuestions():
            return _questions(field_of(body, "questions"), request, text)
        case Decompose():
            return _parts(field_of(body, "sub_skills"), request, text)
        case Grade():
            return _points(field_of(body, "points"), request, text)


def _missing(body: dict[str, Any], request: NameMissingSkills, text: str) -> Reply:
    """Where nothing is said of the answer it counts as wrong: it was asked about because the scorer flagged it.

    AdaptMI's reading (arXiv 2505.00147, code) looks for "incorrect" or "false" in the judgement, and so takes "not
    correct" for correct. What is named though the answer was judged correct is kept in the value: whether it is
    missing is the diagnosis' to say.
    """
    bodies = list(objects_in(body))
    judgement = next((said for one in bodies if (said := field_of(one, "judge")) is not None), None)
    right = False if judgement is None else means_right(judgement)
    skills = next((field_of(one, "skills") for one in bodies if has_field(one, "skills")), None)
    if right is None:
        return _without_value(Outcome.MALFORMED, text)
    if right:
        named = known_names(skills, request.allowed) or []
        return Reply(outcome=Outcome.JUDGED_CORRECT, value=[] if _too_many(named, request.allowed) else named)
    return _skills(skills, request.allowed, text, len(request.allowed))


def _skills(value: Any, allowed: Sequence[str], text: str, most: int) -> Reply:
    known = known_names(value, allowed)
    if known is None:
        return _without_value(Outcome.MALFORMED, text)
    if _too_many(known, allowed):
        return _without_value(Outcome.TOO_MANY_SKILLS, text)
    if known:
        return Reply(outcome=Outcome.OK, value=known[:most])
    return _without_value(Outcome.UNKNOWN_SKILL if names_of(value) else Outcome.EMPTY, text)


def _too_many(known: Sequence[str], allowed: Sequence[str]) -> bool:
    """Most of the vocabulary, or as many as a list may have where the server bounds it: that is no choice."""
    return len(known) >= MAX_ITEMS or len(known) > max(MAX_SKILLS, MOST_OF_THE_VOCABULARY * len(allowed))


def _named(value: Any, text: str) -> Reply:
    """The first name, written as ours are."""
    named = names_of(value.split(",") if isinstance(value, str) else value)
    if named is None:
        return _without_value(Outcome.MALFORMED, text)
    names = [name for one in named if 0 < len(name := "_".join(normalised(one).split())) <= MAX_NAME]
    return Reply(outcome=Outcome.OK, value=names[:1]) if names else _without_value(Outcome.EMPTY, text)


def _clusters(clusters: Any, labels: Sequence[str], text: str) -> Reply:
    """A label counts in the first family that has it; names that were not asked about are dropped."""
    if isinstance(clusters, dict):
        clusters = [{"name": name, "labels": members} for name, members in clusters.items()]
    if not isinstance(clusters, list):
        return _without_value(Outcome.MALFORMED, text)
    left, found = dict.fromkeys(labels), dict[str, list[str]]()
    for cluster in map(_as_cluster, clusters):
        named = _named(field_of(cluster, "name"), text).value if isinstance(cluster, dict) else None
        members = known_names(field_of(cluster, "labels"), list(left)) if named else None
        if named and members:
            found.setdefault(named[0], []).extend(members)
            for member in members:
                del left[member]
    return Reply(outcome=Outcome.OK, value=found) if found else _without_value(Outcome.UNKNOWN_SKILL, text)


def _as_cluster(cluster: Any) -> Any:
    """A family as its object, where it came as "name: label, label" or as an object with its name for a key."""
    if isinstance(cluster, str):
        name, _, members = cluster.partition(":")
        return {"name": name, "labels": members}
    if (
        isinstance(cluster, dict)
        and len(cluster) == 1
        and not (has_field(cluster, "name") or has_field(cluster, "labels"))
    ):
        ((name, members),) = cluster.items()
        return {"name": name, "labels": members}
    return cluster


def _parts(parts: Any, request: Decompose, text: str) -> Reply:
    """Objects, plain texts "name: description", or one text of names. Each once; a skill is no part of itself."""
    if isinstance(parts, dict):
        parts = [{"name": name, "description": said} for name, said in parts.items()]
    if isinstance(parts, str):
        parts = parts.split(",")
    if parts is not None and not isinstance(parts, list):
        return _without_value(Outcome.MALFORMED, text)
    found: dict[str, str] = {}
    for part in parts or ():
        name, said = described(part)
        name = as_named(name)
        if 0 < len(name) <= MAX_NAME and normalised(name) != normalised(request.skill):
            found.setdefault(name, said[:MAX_ASIDE])
    value = [{"name": name, "description": said} for name, said in list(found.items())[: request.breadth]]
    if value:
        return Reply(outcome=Outcome.OK, value=value)
    return _without_value(Outcome.MALFORMED, text) if parts else Reply(outcome=Outcome.EMPTY)


def _points(value: Any, request: Grade, text: str) -> Reply:
    points = points_of(alone_in(text) if value is None else value, request.criteria)
    return _without_value(Outcome.MALFORMED, text) if points is None else Reply(outcome=Outcome.OK, value=points)


def _questions(value: Any, request: WriteQuestions, text: str) -> Reply:
    texts = [text_of(item) for item in _items_of(value)]
    if value is None or not all(texts):
        return _without_value(Outcome.MALFORMED if texts or value is None else Outcome.EMPTY, text)
    seeds = {normalised(seed.question) for seed in request.seeds}
    new = [item for item in dict.fromkeys(texts) if normalised(item) not in seeds]
    if not new:
        return _without_value(Outcome.SEED_AGAIN if texts else Outcome.EMPTY, text)
    return Reply(outcome=Outcome.OK, value=[as_written(_new(item, request)) for item in new[: request.count]])


def _items_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if field_of(value, "text") is None else [value]
    return value if isinstance(value, list) else [] if value is None else [value]


def _new(text: str, request: WriteQuestions) -> Question:
    """Subject and level of the first seed: the new one is to be as hard. Unlabelled where no skill was asked for."""
    subject, level = (request.seeds[0].subject, request.seeds[0].level) if request.seeds else ("", None)
    skills = (request.skill,) if request.skill else ()
    return Question(question_id=b"", question=text, answer="", solution="", skills=skills, subject=subject, level=level)


def _problems(request: WriteExercises | Compose, text: str) -> Reply:
    outcome, value = problems_in(request, text)
    return Reply(outcome=outcome, value=value) if outcome is Outcome.OK else _without_value(outcome, text)


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


def _refused(text: str) -> Reply | None:
    return _without_value(Outcome.REFUSED, text) if _REFUSAL.match(text) else None


def _without_value(outcome: Outcome, text: str) -> Reply:
    return Reply(outcome=outcome, raw=text[:MAX_RAW])
