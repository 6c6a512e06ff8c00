"""From a request to the text that an LLM is shown: a template a task, which a user's folder may override."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from skillray.errors import ConfigError
from skillray.skills.graph import bare
from skillray.teacher.tasks import (
    ClusterSkills,
    Compose,
    Decompose,
    Grade,
    LabelSkills,
    NameMissingSkills,
    Request,
    Rewrite,
    Solve,
    WriteExercises,
    WriteQuestions,
    WriteTextbook,
)
from skillray.types import Question

BUILT_IN = Path(__file__).parent / "prompts"
MAX_CHARS = 100_000
"""Longest prompt that is sent; longer ones fail alone."""


class PromptTooLongError(ValueError):
    """This one request does not fit; the others may."""


class Prompts:
    """The templates, read once. `folder` has files that replace built-in ones by name."""

    def __init__(self, folder: str | None = None) -> None:
        self._texts = _texts(folder)
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True)  # plain text
        try:
            self._templates = {name: environment.from_string(text) for name, text in self._texts.items()}
        except TemplateError as error:
            raise ConfigError(f"teacher.prompts {folder}: {error}; correct the template") from None

    @cached_property
    def version(self) -> str:
        """16 hex digits of all texts: other templates, other replies."""
        text = "\0".join(f"{name}\0{text}" for name, text in sorted(self._texts.items()))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def render(self, request: Request) -> str:
        """Only the fields below are in reach of a template: no reference of the question that is asked about."""
        name, fields = _fields(request)
        parts: list[str] = []
        length = 0
        try:
            for part in self._templates[name].generate(**fields):
                length += len(part)
                if length > MAX_CHARS:
                    raise PromptTooLongError(f"the prompt {name} has more than {MAX_CHARS} characters")
                parts.append(part)
        except PromptTooLongError:
            raise
        except Exception as error:  # a user's template may do anything that the sandbox allows
            raise ConfigError(f"prompt template {name}.j2: {error}; correct the template") from None
        return "".join(parts)


def _texts(folder: str | None) -> Mapping[str, str]:
    texts = {path.stem: _read(path) for path in sorted(BUILT_IN.glob("*.j2"))}
    if folder is None:
        return texts
    if not Path(folder).is_dir():
        raise ConfigError(f"teacher.prompts: {folder} is not a folder")
    for path in sorted(Path(folder).glob("*.j2")):
        if path.stem not in texts:
            raise ConfigError(f"teacher.prompts: {path} is not the name of a template; there are {', '.join(texts)}")
        texts[path.stem] = _read(path)
    return texts


def _read(path: Path) -> str:
    """A template without the byte order mark that some editors begin a file with."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"teacher.prompts: {path} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"teacher.prompts: {path} cannot be read ({error.strerror}); restore it") from None


def _fields(request: Request) -> tuple[str, dict[str, Any]]:
    match request:
        case LabelSkills():
            return "label_skills", {"question": request.question.question, "allowed": request.allowed}
        case ClusterSkills():
            asked = {"labels": request.labels, "subject": request.subject, "families": request.families}
            return "cluster_skills", asked
        case NameMissingSkills():
            asked = {"question": request.question.question, "response": request.response, "allowed": request.allowed}
            return "name_missing_skills", asked
        case WriteQuestions():
            seeds = [_example(seed) for seed in request.seeds]
            return "write_questions", {"skill": request.skill, "seeds": seeds, "count": request.count}
        case Solve():
            return "solve", {"question": request.question.question, "skills": request.skills}
        case Decompose():
            asked = {"skill": request.skill, "path": request.path, "breadth": request.breadth, "known": request.known}
            return "decompose", asked
        case Rewrite():
            return "rewrite", _example(request.question)
        case WriteTextbook() | WriteExercises() | Compose() | Grade():
            return _further(request)


def _further(request: WriteTextbook | WriteExercises | Compose | Grade) -> tuple[str, dict[str, Any]]:
    match request:
        case WriteTextbook():
            return "write_textbook", _about(request) | {"prerequisites": _bare(request.prerequisites, request.subject)}
        case WriteExercises():
            asked = {"learned": _bare(request.learned, request.subject), "count": request.count}
            return "write_exercises", _about(request) | asked
        case Compose():
            return "compose", {"questions": [_example(question) for question in request.questions]}
        case Grade():
            return "grade", {name: getattr(request, name) for name in ("asked", "response", "criteria")}


def _about(request: WriteTextbook | WriteExercises) -> dict[str, Any]:
    skill = bare(request.skill, request.subject)
    return {"skill": skill, "subject": request.subject, "description": request.description}


def _bare(skills: Sequence[str], subject: str) -> list[str]:
    return [bare(skill, subject) for skill in skills]


def _example(question: Question) -> dict[str, str]:
    return {"question": question.question, "solution": question.solution, "answer": question.answer}
