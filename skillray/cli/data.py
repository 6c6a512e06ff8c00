"""What `skillray data check` does: say of a table what a run would read, before there is a run."""

from __future__ import annotations

from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.loop.look import Look, look_at

MAX_REASONS = 10
"""Reasons that are printed."""
WIDTH = 200
"""Characters of a sample's text."""


def check_data(source: QuestionSource) -> None:
    """Print what would be read of `source`; `DataError` where a run would refuse a row."""
    look = look_at(source)
    for line in _told(source, look):
        print(line)
    if not look.rows:
        raise DataError(f"{source.path}: has no rows; give a file with some")
    if refused := look.refused.total():
        raise DataError(
            f"{source.path}: a run would refuse {refused} of {look.rows} rows; correct them, or for those of a pool "
            "without an answer set data.unanswered to leave_out"
        )


def _told(source: QuestionSource, look: Look) -> list[str]:
    read = look.rows - look.refused.total()
    lines = [
        f"{source.path}: {look.rows} rows in {look.files} file{'s' if look.files != 1 else ''}",
        f"columns read: {', '.join(f'{name} ({look.columns[name]})' for name in look.taken) or 'none'}",
        f"not read: {', '.join(look.left) or 'none'}",
        f"questions: {read - look.repeated} different, {look.repeated} again",
        f"answers: {look.answers} of {read}; solutions: {look.solutions}; skills: {len(look.skills)} different",
    ]
    lines += [f"not read of chats: {what} of {count} rows" for what, count in look.unread.items()]
    for reason, count in look.refused.most_common(MAX_REASONS):
        lines.append(f"refused: {count}: {reason} (first: {look.first[reason]})")
    if (others := len(look.refused) - MAX_REASONS) > 0:
        lines.append(f"refused for {others} more reasons")
    for number, row in enumerate(look.samples, 1):
        lines += [f"sample {number}", f"  question: {_short(row['question'])}", f"  answer:   {_short(row['answer'])}"]
        lines += [f"  solution: {_short(row['solution'])}"] if row["solution"] else []
        lines += [f"  skills:   {', '.join(row['skills'])}"] if row["skills"] else []
    return lines


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}…"
