"""Texts that say the same: near-duplicates of a set, and what leaks of an evaluation set.

A text is its words: lower case, cut at spaces, without punctuation at their ends, and no space around a sign, so that
`17 + 25` is one word, as it is a thing of its own: other numbers make another question. Nor do LaTeX's ways to set the
same formula make another: `$x^{2}$` and `\\(x^2\\)` are one word. Chinese, Japanese, Thai and other scripts put no
spaces between words: there every character is a word.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

SHINGLE = 3
"""Words. Lee et al. (arXiv 2107.06499) take 5 of web pages; questions are shorter."""
SAME = 0.8
"""Jaccard similarity from which on two texts are near-duplicates (arXiv 2107.06499, 4.2)."""
ALIKE = 0.5
"""From which on a question with the same final answer, or the same numbers, counts as the same question. Ours."""
OVERLAP = 13
"""Words in one piece that a text may not share with an evaluation question (GPT-3, arXiv 2005.14165, appendix C); a
shorter question may not stand in it as a whole."""
OVERLAP_UNSPACED = 20
"""The same in a script without spaces: Chinese takes about 1.6 characters for a word. Ours."""
LEAST = 2
"""Words of an evaluation question that can be found in a text: one word stands in any."""

Words = tuple[str, ...]
_LATEX = (
    (re.compile(r"\\?\$|\\[()\[\]!,;:]|\\(?:left|right|displaystyle)(?![a-z])"), ""),  # delimiters, sizes and spaces
    (re.compile(r"\\[dt]frac(?![a-z])"), r"\\frac"),
    (re.compile(r"(\\[a-z]+)\s+"), r"\1"),
    (re.compile(r"([\^_])\s*\{([-+]?\\?\w+)\}"), r"\1\2"),
)
"""Of a text in lower case: what to write as what."""
_SIGN = re.compile(r" ?([-+*/=^×÷<>]) ?")
_EDGE = ".,;:?!\"'()[]{}`*_#$。，、；：？！（）「」『』《》“”‘’"


_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese."""


def split_words(text: str) -> list[str]:
    """Pieces between spaces; in scripts that write none, characters."""
    return _UNSPACED.sub(r" \1 ", text).split()


def words_of(text: str) -> Words:
    text = text.casefold()
    for pattern, plain in _LATEX:
        text = pattern.sub(plain, text)
    text = " ".join(split_words(text))  # a long run of spaces must not take a second
    return tuple(word for raw in _SIGN.sub(r"\1", text).split() if (word := raw.strip(_EDGE)))


def shingles_of(words: Words) -> frozenset[Words]:
    """Every SHINGLE words that stand together; a shorter text is one of its own."""
    if len(words) <= SHINGLE:
        return frozenset([words])
    return frozenset(words[start : start + SHINGLE] for start in range(len(words) - SHINGLE + 1))


def similarity(some: frozenset[Words], other: frozenset[Words]) -> float:
    """Jaccard."""
    shared = len(some & other)
    return shared / (len(some) + len(other) - shared)


class Similar:
    """Sets of shingles, to be searched for those that are at least `least` alike.

    Exact, by prefix filtering (Bayardo et al., WWW 2007): sets that are so alike share one of the few rarest shingles
    of each, so only these are looked up. Our own: no leak may be missed by chance, as datasketch's LSH would, and
    the set grows while it is searched, as SetSimilaritySearch's cannot.
    """

    def __init__(self, least: float, counts: Counter[Words]) -> None:
        self._least = least
        self._counts = counts
        self._sets: list[frozenset[Words]] = []
        self._by_shingle: defaultdict[Words, list[int]] = defaultdict(list)

    def add(self, shingles: frozenset[Words]) -> None:
        for shingle in self._prefix(shingles):
            self._by_shingle[shingle].append(len(self._sets))
        self._sets.append(shingles)

    def find(self, shingles: frozenset[Words]) -> list[int]:
        """Those that are alike, in the order in which they were added."""
        seen = {place for shingle in self._prefix(shingles) for place in self._by_shingle.get(shingle, ())}
        return sorted(place for place in seen if similarity(self._sets[place], shingles) >= self._least)

    def _prefix(self, shingles: frozenset[Words]) -> list[Words]:
        """So many of the rarest that one of them is in whatever shares `least` of the set."""
        ordered = sorted(shingles, key=lambda shingle: (self._counts[shingle], shingle))
        return ordered[: len(ordered) - _ceil(self._least * len(ordered)) + 1]


def _ceil(value: float) -> int:
    """Of a product that rounding may have lifted over a whole number."""
    return int(-(-(value - 1e-9) // 1))


def near_duplicates(texts: Sequence[str], num_kept: int = 0, least: float = SAME) -> list[int]:
    """Places of the texts that are near-duplicates of an earlier one that stays. The first `num_kept` all stay."""
    sets = [shingles_of(words_of(text)) for text in texts]
    similar = Similar(least, Counter(shingle for one in sets for shingle in one))
    found = []
    for place, shingles in enumerate(sets):
        if place >= num_kept and similar.find(shingles):
            found.append(place)
        else:
            similar.add(shingles)
    return found


def _overlap(words: Words) -> int:
    unspaced = sum(len(word) == 1 and bool(_UNSPACED.match(word)) for word in words)
    return OVERLAP_UNSPACED if 2 * unspaced > len(words) else OVERLAP


def same_question(text: str, other: str) -> bool:
    """Whether two questions have the same numbers and are alike: other numbers make another question."""
    some, others = words_of(text), words_of(other)
    if some == others:
        return True
    numbers = [Counter(word for word in words if any(char.isdigit() for char in word)) for words in (some, others)]
    return numbers[0] == numbers[1] and similarity(shingles_of(some), shingles_of(others)) >= ALIKE


class Leaks:
    """What may not be trained on: questions of evaluation sets, with their final answers."""

    def __init__(self, questions: Iterable[tuple[str, str]]) -> None:
        pairs = [(words_of(question), answer) for question, answer in questions]
        self.answers = [answer for _, answer in pairs]
        sets = [shingles_of(words) for words, _ in pairs]
        self._similar = Similar(ALIKE, Counter(shingle for one in sets for shingle in one))
        for one in sets:
            self._similar.add(one)
        self._pieces: defaultdict[int, set[Words]] = defaultdict(set)
        for words, _ in pairs:
            length = min(len(words), _overlap(words))
            if length >= LEAST:
                self._pieces[length].update(words[i : i + length] for i in range(len(words) - length + 1))

    def shares_text(self, text: str) -> bool:
        """Whether OVERLAP words of an evaluation question, or a whole shorter one, stand in `text`."""
        words = words_of(text)
        for length, pieces in self._pieces.items():
            if any(words[i : i + length] in pieces for i in range(len(words) - length + 1)):
                return True
        return False

    def alike(self, question: str) -> list[str]:
        """Final answers of the evaluation questions that are like this one. An equal answer alone is no leak: there are
        few numbers. Nor is a likeness: other numbers make another question. Both together are one.
        """
        return [self.answers[place] for place in self._similar.find(shingles_of(words_of(question)))]
