"""The fields of the objects that a teacher is asked for, and the other names under which models write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skillray.teacher.json_text import plain_key

FIELDS: dict[str, tuple[str, ...]] = {
    "skills": (
        *("skills", "skill", "missing_skills", "missing_skill", "skills_missing", "lacking_skills", "skills_lacking"),
        *("lacked_skills", "skills_lacked", "unused_skills", "required_skills", "skills_required", "needed_skills"),
        *(
            "skills_needed",
            "relevant_skills",
            "skill_names",
            "skill_name",
            "skill_list",
            "skills_used",
            "missing",
            "labels",
            "label",
        ),
    ),
    "judge": (
        *("judge", "judgement", "judgment", "judged", "verdict", "correctness", "is_correct", "correct", "evaluation"),
        *("answer_is_correct", "is_answer_correct", "assessment"),
    ),
    "questions": (
        *("questions", "question", "new_questions", "new_question", "generated_questions", "question_list"),
        *("questions_list", "problems", "problem"),
    ),
    "exercises": ("exercises", "exercise", "problems", "questions", "exercise_list"),
    "problem": (
        "problem",
        "new_problem",
        "harder_problem",
        "question",
        "exercise",
        "task",
        "problem_statement",
        "statement",
        "prompt",
    ),
    "solution": (
        *("solution", "worked_solution", "solution_steps", "steps", "rewritten_solution", "rewrite", "rewritten"),
        *("step_by_step_solution", "answer", "explanation"),
    ),
    "sub_skills": (
        "sub_skills",
        "sub_skill",
        "subskills",
        "subskill",
        "skills",
        "prerequisites",
        "prerequisite_skills",
    ),
    "clusters": ("clusters", "cluster", "families", "family", "groups", "skill_families", "categories"),
    "labels": ("labels", "label", "skills", "members", "names", "items"),
    "points": ("points", "point", "scores", "grades", "score", "grade", "marks"),
    "point": ("point", "points", "score", "grade", "mark", "value", "met"),
    "criterion": ("criterion", "criteria", "name"),
    "name": ("name", "skill", "skill_name", "label", "title", "sub_skill", "subskill", "family", "cluster", "group"),
    "said": ("description", "desc", "definition", "explanation", "reason", "summary"),
    "text": (
        *(
            "text",
            "question",
            "problem",
            "content",
            "question_text",
            "statement",
            "prompt",
            "step",
            "solution",
            "steps",
        ),
        *("explanation", "description", "value"),
    ),
}
"""Field -> keys in `plain_key`'s form, the one that is asked for first. Ours: seen in replies of models, or next to
such."""


def field_of(body: Mapping[str, Any], name: str) -> Any:
    """The value under the first of the field's keys that the object has; None where it has none."""
    by_key = {plain_key(str(key)): value for key, value in body.items()}
    return next((by_key[key] for key in FIELDS[name] if key in by_key), None)


def has_field(body: Mapping[str, Any], name: str) -> bool:
    return not {plain_key(str(key)) for key in body}.isdisjoint(FIELDS[name])


def clean(value: Any) -> str:
    """A text without what no file can hold, as JSON's escapes can make it; "" for anything else."""
    return value.encode("utf-8", "replace").decode().strip() if isinstance(value, str) else ""


def text_of(value: Any) -> str:
    """A text, the text of an object, or a list of steps as one text with a paragraph for each; "" for other things."""
    if isinstance(value, dict):
        return text_of(_inside(value))
    if isinstance(value, list):
        parts = [text_of(part) for part in value]
        return "\n\n".join(parts) if parts and all(parts) else ""
    return clean(value)


def _inside(body: Mapping[str, Any]) -> Any:
    """What an object says; of numbered steps ({"step 1": "...", "step 2": "..."}) all of them."""
    numbered = [value for key, value in body.items() if plain_key(str(key)).removeprefix("step").strip("_").isdigit()]
    return numbered if numbered and len(numbered) == len(body) else field_of(body, "text")
