"""A solution that is nothing but its answer: nobody learns a step from it."""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*(?:\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|\S)")
_STATES = re.compile(
    r"^\W*(?:(?:so|thus|hence|therefore|then|and|ok(?:ay)?|sure)\W+)*"
    r"(?:(?:the|my|our)\s+)?(?:(?:final|correct|right|same|numerical|required)\s+)*"
    r"(?:answer|result|solution|value|antwort|ergebnis|lösung|réponse|résultat|respuesta|resultado|risposta|resposta"
    r"|ответ|答案|答え|解答|정답|답)\b\s*(?:is|are|remains|stays|:|=|was|ist|est|es|è|é|是|は|은|는|：)?"
    r"(?:\s*(?:still|also|then|therefore))*[^\w\\$]*(?P<rest>.*)$",
    re.IGNORECASE,
)
_GREETS = re.compile(
    r"^\W*(?:sure|certainly|of course|okay|here(?:'s| is| are)|below is|rewritten|rewrite|in other words"
    r"|step[- ]by[- ]step|solution|explanation|question|problem)\b[^.\n]*[:!]?\s*$",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"\n+|(?<=[.!?。])\s+")
_WORKED = re.compile(r"[=+×÷*/<>≤≥≈→^]|\\(?:frac|times|cdot|div|implies|Rightarrow|sqrt|sum)|(?<=\d)\s*[-−]\s*(?=\d)")
_LEAST_WORDS = 6
"""Words of a sentence without a calculation that may still be a step. Ours: shorter ones introduce or conclude."""
_MOST_ANSWER_WORDS = 4
"""Words of an answer and its unit."""


def only_an_answer(solution: str) -> bool:
    """Whether no sentence of a solution does anything but greet, or state the answer."""
    sentences = [sentence.strip() for sentence in _SENTENCE.split(solution) if sentence.strip()]
    return not any(_is_step(sentence) for sentence in sentences)


def _is_step(sentence: str) -> bool:
    text = _BOX.sub(" ", sentence).strip(" #*_$`>-")
    if _GREETS.match(text):
        return False
    if (stated := _STATES.match(text)) is not None:
        rest = re.sub(r"^\s*(?:[a-z]|\w+)\s*=\s*", "", stated["rest"])  # "the answer is x = 4"
        return bool(_WORKED.search(_without_fractions(rest))) or len(rest.split()) > _MOST_ANSWER_WORDS + _LEAST_WORDS
    return bool(_WORKED.search(_without_fractions(text))) or len(re.findall(r"\w+", text)) >= _LEAST_WORDS


def _without_fractions(text: str) -> str:
    """A bare fraction or power is a number, not a calculation."""
    return re.sub(r"\\[dt]?frac\s*\{[^{}]*\}\s*\{[^{}]*\}|(?<![\d=])\d+\s*/\s*\d+(?![\d=])|\d+\^\{?\d+\}?", " ", text)
