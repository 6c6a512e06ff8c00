"""Is the final answer right? Extraction by the usual markers, comparison by exact numbers and then by math-verify.

Model text is never evaluated by us. math-verify's own time limits are off (they need signals of the main thread):
what can be slow runs only in the killable child processes of `grading.pool`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import Any

MAX_RESPONSE = 4000
"""Characters at the end of a response that are looked at."""
MAX_FREE_TEXT = 1000
"""Characters at its end that math-verify searches when there is no marked answer."""
MAX_ANSWER = 300
"""Characters of an answer that is parsed; the longest reference of the MATH test set has 81."""


class Verdict(StrEnum):
    """How a response was graded; only CORRECT counts as right."""

    CORRECT = "correct"
    """The final answer equals the reference."""
    WRONG = "wrong"
    """There is a final answer, and it differs from the reference."""
    NO_ANSWER = "no_answer"
    """No final answer was found in the response."""
    TOO_LONG = "too_long"
    """The final answer has more than MAX_ANSWER characters and was not parsed."""
    TIMEOUT = "timeout"
    """The comparison did not end before the deadline."""
    CRASHED = "crashed"
    """The process that compared died, for example for lack of memory."""


_THOUSANDS = re.compile(r"(?<=\d),\s*\\!\s*(?=\d{3})")
"""LaTeX's way to write 12,345, with a space taken back."""
_HASHES = re.compile(r"^[ \t]*####(.*)$", re.MULTILINE)
_LABEL = re.compile(r"^[ \t*]*(?:final answer|answer|a)[ \t*]*:(.*)$", re.MULTILINE | re.IGNORECASE)
_PHRASE = re.compile(r"\banswer is:?(.*)$", re.MULTILINE | re.IGNORECASE)
_DIGITS = r"\d{1,3}(?:,\d{3})+|\d+"
_NUMBER = re.compile(rf"(?P<whole>[-+]?(?:{_DIGITS}))(?P<part>\.\d*)?(?:/(?P<below>\d+))?|[-+]?(?P<only>\.\d+)")
_FRAC = re.compile(r"([-+]?)\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
_LOOSE = re.compile(
    rf"(?:^|[\s=:(])(?:\*\*)?[$€£]?(?P<number>[-+]?[$€£]?(?:{_DIGITS}|(?=\.\d))(?:\.\d+)?)(?![\d/^]|\*+\d)"
)
_WITH_UNIT = re.compile(r"[-+]?[$€£]?[\d,.]+\s+[A-Za-z ]+")
_NEAR = Fraction(1, 1000)
"""Relative distance below which unequal decimals and fractions are left to math-verify, which rounds."""


def extract_answer(response: str) -> str | None:
    r"""The marked final answer: the last `#### X`, else the last `\boxed{X}`, else the last `A: X` or "answer is X"."""
    span = answer_span(response)
    return clean(response[slice(*span)]) or None if span else None


def answer_span(response: str) -> tuple[int, int] | None:
    """Start and end of what `extract_answer` reads, as it is written and without the spaces around it."""
    skipped = max(0, len(response) - MAX_RESPONSE)
    text = response[skipped:]
    found = _last(_HASHES, text) or _last_boxed(text) or _last(_LABEL, text)
    if found is None and (found := _last(_PHRASE, text)):
        start, end = found
        found = start, start + len(text[start:end].split(". ")[0])  # "The answer is 5. I hope it is correct."
    return (skipped + found[0], skipped + found[1]) if found else None


def clean(answer: str) -> str:
    """An answer without spaces around it, bold marks, math delimiters, a full stop and LaTeX's thousands separators."""
    answer = _THOUSANDS.sub("", answer)
    answer = answer.strip().strip("*").strip().removesuffix(".").strip()
    for left, right in (("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        if len(answer) > len(left + right) and answer.startswith(left) and answer.endswith(right):
            answer = answer[len(left) : -len(right)].strip()
    return answer


def as_number(text: str) -> Fraction | None:
    r"""The exact value of a plain number: commas, currency, %, decimals, `a/b` and `\frac{a}{b}`; else None."""
    bare = text.strip().replace("\\$", "").replace("\\%", "%").removesuffix("%").rstrip()
    bare = re.sub(r"^([-+]?)[$€£]\s*", r"\1", bare)
    if len(bare) > MAX_ANSWER:
        return None
    if frac := _FRAC.fullmatch(bare):
        return Fraction(int(frac[1] + "1") * int(frac[2]), int(frac[3])) if int(frac[3]) else None
    match = _NUMBER.fullmatch(bare)
    if match is None or (match["below"] and (match["part"] or not int(match["below"]))):
        return None
    return Fraction(bare.replace(",", "").removesuffix("."))


def quick_verdict(response: str, reference: str) -> Verdict | None:
    """The verdict where equal strings or exact numbers decide; None where math-verify must be asked."""
    reference = clean(reference)
    answer = extract_answer(response)
    if answer is None:
        return _quick_free(response[-MAX_FREE_TEXT:], reference)
    if "".join(answer.split()) == "".join(reference.split()):
        return Verdict.CORRECT
    if len(answer) > MAX_ANSWER:
        return Verdict.TOO_LONG
    return _compare_numbers(answer, reference)


def grade_answer(response: str, reference: str) -> Verdict:
    """`quick_verdict`, else math-verify 0.9. It may never end: `grading.pool` calls this in a child it can kill."""
    quick = quick_verdict(response, reference)
    return quick if quick is not None else _slow_verdict(response, clean(reference))


def _slow_verdict(response: str, reference: str) -> Verdict:
    from math_verify import verify

    answer = extract_answer(response)
    found = _parse(response[-MAX_FREE_TEXT:]) if answer is None else _parse_answer(answer)
    if not found:
        return Verdict.NO_ANSWER if answer is None else Verdict.WRONG
    right = verify(_parse(f"${reference}$"), found, timeout_seconds=None)
    return Verdict.CORRECT if right else Verdict.WRONG


def _parse_answer(answer: str) -> list[Any]:
    """As math; a number with a unit in words ("18 dollars") as that number, for d*o*l*l*a*r*s is not meant."""
    return _parse(answer) if _WITH_UNIT.fullmatch(answer) else _parse(f"${answer}$")


def _parse(text: str) -> list[Any]:
    from math_verify import parse

    parsed: list[Any] = parse(text, parsing_timeout=None)
    return parsed


def _compare_numbers(answer: str, reference: str) -> Verdict | None:
    left, right = as_number(answer), as_number(reference)
    if left is None or right is None:
        return None
    if left == right:
        return Verdict.CORRECT
    if "%" in answer + reference:
        return None  # 50% is 0.5 for math-verify
    whole = left.denominator == right.denominator == 1
    return Verdict.WRONG if whole or abs(left - right) > _NEAR * max(Fraction(1), abs(right)) else None


def _quick_free(tail: str, reference: str) -> Verdict | None:
    """No marked answer: the last number counts where neither side has LaTeX; without a digit or LaTeX there is none."""
    if "\\" in tail or tail.count("$") > 1:
        return None
    if not any(c.isdigit() for c in tail):
        return Verdict.NO_ANSWER
    last = _last(_LOOSE, tail)
    return _compare_numbers(tail[slice(*last)], reference) if last else None


def _last(pattern: re.Pattern[str], text: str) -> tuple[int, int] | None:
    """Where the first group of the last match is, None when there is no match or it is blank."""
    found = [match.span(1) for match in pattern.finditer(text)]
    return _bare(text, *found[-1]) if found else None


def _last_boxed(text: str) -> tuple[int, int] | None:
    r"""Where the inside of the last `\boxed{...}` is, braces balanced; None when it is not there or not closed."""
    before, marker, rest = text.rpartition(r"\boxed{")
    start, depth = len(before) + len(marker), 1
    for i, character in enumerate(rest if marker else ""):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return _bare(text, start, start + i)
    return None


def _bare(text: str, start: int, end: int) -> tuple[int, int] | None:
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    return (start, start + len(part.strip())) if part.strip() else None
