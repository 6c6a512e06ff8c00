r"""Plain lines of a language model's response: LaTeX, Markdown and code fences undone, `\frac{3}{4}` as `((3)/(4))`.

Nothing is worked out here, and what is not known stays as it is: a line that nobody can read must not look like one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_RESPONSE = 20_000
"""Characters of a response that are read; answers here have hundreds."""
MAX_LINES = 200
"""Lines of a response that are read."""
MAX_LINE = 500
"""Characters of a line beyond which it is left unread: a paragraph of prose has no more."""
_NESTED = 6
"""Most levels of fractions inside fractions that are undone."""

_SAME = str.maketrans(
    {
        "×": "*", "·": "*", "⋅": "*", "∙": "*", "∗": "*", "÷": "/", "−": "-", "–": "-", "∕": "/", "⁄": "/",
        "\u00a0": " ", "\u202f": " ", "\u2009": " ", "⇒": ";", "→": ";", "∴": ";",
        "½": "((1)/(2))", "¼": "((1)/(4))", "¾": "((3)/(4))", "⅓": "((1)/(3))", "⅔": "((2)/(3))",
    }
)  # fmt: skip
_FRAC = re.compile(r"(?P<whole>(?<![\d.)])\d{1,6}\s*)?\\[cdt]?frac\s*\{(?P<above>[^{}]*)\}\s*\{(?P<below>[^{}]*)\}")
_BARE_FRAC = re.compile(r"\\[cdt]?frac\s*(\d)\s*(\d)")
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|operatorname|boxed|underline|cancel)\s*\{([^{}]*)\}")
_LATEX: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\\(?:begin|end)\s*\{[a-zA-Z]+\*?\}(?:\{[lcr| ]*\})?|&", " "),
        (r"\{,\}", ","),
        (r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])\.?|\\[()\[\]]", " "),
        (r"\\(?:cdot|times|ast)(?![a-zA-Z])", "*"),
        (r"\\div(?![a-zA-Z])", "/"),
        (r"\\(?:approx|simeq)(?![a-zA-Z])", "≈"),
        (r"\\(?:Long)?(?:Rightarrow|rightarrow|implies|to|therefore|iff)(?![a-zA-Z])|=>|-->|->", ";"),
        (r"\\[bp]?mod(?![a-zA-Z])", " mod "),
        (r"\\(?:ldots|cdots|dots)(?![a-zA-Z])", "..."),
        (r"\\!", ""),
        (r"\\[,;: ]|~|\\q?quad(?![a-zA-Z])", " "),
        (r"\\%", "%"),
        (r"\\?\$|`", ""),
        (r"(?<![\d)])(?:\*\*|__)|(?:\*\*|__)(?![\d(])", ""),
        (r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)", "THOUSANDS"),
    )
)
_HEAD = re.compile(r"^\s*(?:>\s*)*(?:#{1,6}\s+)?(?:[-*•+]\s+|\(?\d{1,2}[.)]\s+)?(?:[Ss]tep\s*\d+\s*[:.)-]\s*)?")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_ROW = re.compile(r"\\\\(?:\[[^\]\n]{0,8}\])?")


@dataclass(frozen=True, slots=True)
class Line:
    """One written line, or several where an equality goes on in the next."""

    text: str
    """The line as it was written."""
    plain: str
    """The line with plain signs in place of LaTeX."""
    is_code: bool = False
    """True inside a code fence: a program says how to work something out, and not what comes out."""


def plain_lines(response: str) -> list[Line]:
    """The lines that say something, in order; a line that begins with `=` belongs to the one before it."""
    lines: list[Line] = []
    is_code = False
    for text in _rows(response[:MAX_RESPONSE])[:MAX_LINES]:
        if _FENCE.match(text):
            is_code = not is_code
            continue
        plain = text if is_code else plain_text(text)
        if not any(character.isalnum() for character in plain):
            continue  # a rule of dashes, or an empty line
        if lines and plain.startswith("=") and not (is_code or lines[-1].is_code):
            before = lines.pop()
            text, plain = f"{before.text} {text}", f"{before.plain} {plain}"
        lines.append(Line(text, plain, is_code))
    return lines


def plain_text(text: str) -> str:
    """One line without its list mark or heading, with signs in place of LaTeX and Markdown."""
    if len(text) > MAX_LINE:
        return text
    text = _fractions(text.translate(_SAME))
    for pattern, plain in _LATEX:
        text = pattern.sub(_without_commas if plain == "THOUSANDS" else plain, text)
    text = text.replace("{", "(").replace("}", ")")
    return _HEAD.sub("", " ".join(text.split())).strip()


def _rows(response: str) -> list[str]:
    r"""Lines, and the rows of an environment, which end in `\\`."""
    rows = (row.strip() for line in response.splitlines() for row in _ROW.split(line))
    return [row for row in rows if row]


def _fractions(text: str) -> str:
    r"""`\frac{a}{b}` as `((a)/(b))`, and `2\frac{1}{2}` as `(2+((1)/(2)))`; words and boxes lose their wrapping."""
    text = _BARE_FRAC.sub(r"((\1)/(\2))", text)
    for _ in range(_NESTED):  # from the inside out: the pattern finds fractions without braces in them
        before = text
        text = _FRAC.sub(_fraction, _WRAPPED.sub(r" \1 ", text))
        if text == before:
            break
    return text


def _fraction(match: re.Match[str]) -> str:
    """A number before a fraction below one is a mixed number, and before any other a factor."""
    whole, above, below = match["whole"] or "", match["above"].strip(), match["below"].strip()
    plain = f"(({above})/({below}))"
    if (
        whole
        and above.isascii()
        and above.isdigit()
        and below.isascii()
        and below.isdigit()
        and int(above) < int(below)
    ):
        return f"({whole.strip()}+{plain})"
    return f"{whole}{plain}"


def _without_commas(match: re.Match[str]) -> str:
    return match.group().replace(",", "")
