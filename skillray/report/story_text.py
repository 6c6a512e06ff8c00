"""A question's story as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from skillray.report.story import Answer, Chapter, Ordered, QuestionStory, StudentStory
from skillray.report.text import after_name, cut, line, visible

MAX_RESPONSE = 1500
"""Characters of an answer that are shown."""


def story_text(story: QuestionStory) -> str:
    """Lines of the whole story; nothing in it can move the terminal's cursor or colours."""
    return "\n".join([*_question(story), *(text for student in story.students for text in _student(student))])


def _question(story: QuestionStory) -> Iterator[str]:
    row = story.question
    level = "" if row["level"] is None else f", level {row['level']}"
    subject = f", {row['subject']}" if row["subject"] else ""
    yield f"question {row['question_id'].hex()} ({row['split']}{subject}{level})"
    yield from _indented(visible(row["question"]))
    yield f"  answer: {line(row['answer'], 100)}"
    yield f"  skills: {', '.join(row['skills']) or 'no labels'}"


def _student(story: StudentStory) -> Iterator[str]:
    yield ""
    yield f"{story.student}:"
    if not story.chapters and not story.studied:
        yield "  has neither answered it nor studied it"
    for studied in story.studied:
        times = "once" if studied.multiplicity == 1 else f"{studied.multiplicity} times"
        yield f"  studied in round {studied.round} ({studied.origin}, drawn {times})"
    for chapter in story.chapters:
        yield from _chapter(chapter)


def _chapter(chapter: Chapter) -> Iterator[str]:
    right = sum(answer.correct for answer in chapter.answers)
    told = ", difficult" if chapter.difficult else ""
    yield f"  {after_name(chapter.round)}: {right} of {len(chapter.answers)} right{told}"
    for answer in chapter.answers:
        yield from _answer(answer)
    if chapter.missing_skills:
        yield f"    missing: {', '.join(chapter.missing_skills)}"
    elif chapter.outcome:
        yield f"    no missing skill was named: {chapter.outcome}"
    for order in chapter.orders:
        yield from _order(order)


def _answer(answer: Answer) -> Iterator[str]:
    decides = ", decides" if answer.judged else ""
    yield f"    answer {answer.sample} ({answer.verdict}{decides}):"
    yield from _indented(visible(cut(answer.response, MAX_RESPONSE)), "      ")
    for step in answer.steps:
        yield f"      {step.score:.2f}  {line(step.text, 80)}"
    if answer.unscored:
        yield f"      steps not scored: {answer.unscored}"


def _order(order: Ordered) -> Iterator[str]:
    skill = f" for {order.skill}" if order.skill else ""
    yield f"    {order.kind}{skill}: {order.count} asked for, {order.num_examples} studied"
    for example in order.examples:
        yield f"      - {line(example['question'] or example['response'], 100)}"


def _indented(text: str, margin: str = "  ") -> Iterator[str]:
    return (f"{margin}{row}" for row in text.splitlines())
