"""Names of students' models to folders."""

from __future__ import annotations

from skillray.domains.arithmetic import STUDENT_FOLDER

EMBEDDED = "embedded"


def resolve_model(name: str) -> str:
    """'embedded' is the student that ships with the package; anything else is a path or a Hugging Face id."""
    return STUDENT_FOLDER if name == EMBEDDED else name
