"""Names of skills: how ours are written, and when two of them mean one skill."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 80
"""Characters of a name that we make."""
_KEEP = ("ss", "us", "is")
"""Endings in s that are no plural."""


_SIGNS = (
    (re.compile(r"(?:^|(?<=[(^=<>,]))\s*-(?=\w)"), " minus "),  # elsewhere it is a hyphen or a dash
    (re.compile("≤"), " at most "),
    (re.compile("≥"), " at least "),
    (re.compile("≠"), " unequal "),
    (re.compile(r"\+"), " plus "),
    (re.compile(r"="), " equals "),
    (re.compile(r"<"), " less "),
    (re.compile(r">"), " greater "),
    (re.compile(r"\^"), " power "),
    (re.compile(r"(?<=\w)#"), " sharp "),
)
"""Signs that become words, so that `C` differs from `C++`, and `x^2` from `x^-2`."""


def normalised(name: str) -> str:
    """The words of a name, by which skills are told apart: signs of `_SIGNS` and accents count.

    Case, spaces, hyphens, underscores and quotes do not.
    """
    name = unicodedata.normalize("NFC", name.casefold())
    for sign, word in _SIGNS:
        name = sign.sub(word, name)

    # Accents that are characters of their own (category M) belong to the letter before them.
    is_kept = [letter.isalnum() or unicodedata.category(letter)[0] == "M" for letter in name]
    words = "".join(letter if kept else " " for letter, kept in zip(name, is_kept, strict=True))
    return " ".join(words.split())


def written(text: str) -> str:
    """`text` as our names are: lower case with underscores, SUBJECT/SKILL in two parts; "" where nothing is left."""
    parts = ["_".join(normalised(part).split()) for part in text.split("/")]
    return "/".join(part for part in parts if part)


def key(name: str) -> str:
    """A key that is equal for near-duplicates: case, punctuation and plurals tell no skills apart.

    Nothing fuzzier: `one_step_equation` and `two_step_equation` are three letters apart and two skills.
    """
    return " ".join(_singular(word) for word in normalised(name).split())


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(_KEEP):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "shes", "ches", "xes")) else word[:-1]
