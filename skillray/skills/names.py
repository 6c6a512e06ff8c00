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
"""What tells `C` from `C++`, and `x^2` from `x^-2`."""


def normalised(name: str) -> str:
    """Case, spaces, hyphens, underscores and quotes tell no skills apart; the signs above and accents do."""
    name = unicodedata.normalize("NFC", name.casefold())
    for sign, word in _SIGNS:
        name = sign.sub(word, name)
    words = "".join(one if one.isalnum() or unicodedata.category(one)[0] == "M" else " " for one in name)
    return " ".join(words.split())


def written(text: str) -> str:
    """`text` as our names are: lower case with underscores, SUBJECT/SKILL in two parts; "" where nothing is left."""
    parts = ["_".join(normalised(part).split()) for part in text.split("/")]
    return "/".join(part for part in parts if part)


def key(name: str) -> str:
    """Equal for near-duplicates: case, punctuation and plurals tell no skills apart.

    Nothing fuzzier: `one_step_equation` and `two_step_equation` are three letters apart and two skills.
    """
    return " ".join(_singular(word) for word in normalised(name).split())


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(_KEEP):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "shes", "ches", "xes")) else word[:-1]
