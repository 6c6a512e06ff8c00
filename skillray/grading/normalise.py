r"""One spelling for what is set in many: an answer as it is cleaned for reading, and as it is written for comparing.

`clean` keeps what an answer says as its writer set it. `plain` writes it with few commands and no layout: what LaTeX,
Markdown, Unicode and keyboards write differently is the same afterwards, and nothing is left out that has a meaning.
"""

from __future__ import annotations

import re
import unicodedata

_THOUSANDS = re.compile(r"(?<=\d)(?:,\s*\\!\s*|\{,\}(?:\\!)?\s*|\\,|[\u2009\u202f\u00a0])(?=\d{3}(?!\d))")
"""LaTeX's ways to write 12,345 and typography's 12 345."""
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_MATH = re.compile(r"(?<!\\)\$\$?(?!\s)((?:\\.|[^$\\])+?)(?<!\s)\$\$?(?!\d)")
"""A formula between dollars; those of `$5 or $6` are money."""
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_GREEK = {
    "π": "pi",
    "θ": "theta",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "λ": "lambda",
    "μ": "mu",
    "φ": "phi",
    "ω": "omega",
}
_SYMBOLS = str.maketrans(
    {
        **dict.fromkeys("–—−‐‑﹣－", "-"),
        **dict.fromkeys("\u00a0\u2009\u202f\u3000", " "),
        **dict.fromkeys("×✕", r"\times "),
        **dict.fromkeys("·⋅∙", r"\cdot "),
        **dict.fromkeys("∅⌀", r"\emptyset "),
        **dict.fromkeys("′’", "'"),
        **dict.fromkeys("″”", "''"),
        **dict.fromkeys("∕⁄", "/"),
        "÷": "/",
        "√": r"\sqrt ",
        "∛": r"\sqrt[3] ",
        "∞": r"\infty ",
        "≤": r"\le ",
        "≥": r"\ge ",
        "≠": r"\ne ",
        "≈": r"\approx ",
        "∪": r"\cup ",
        "∩": r"\cap ",
        "∈": r"\in ",
        "±": r"\pm ",
        "°": r"^\circ",
        "º": r"^\circ",
        "ℝ": r"\mathbb{R}",
        "、": ",",
        "。": ".",
        **{greek: rf"\{name} " for greek, name in _GREEK.items()},
    }
)
_LAYOUT = re.compile(
    r"\\(?:displaystyle|textstyle|limits|left|right|m?big|m?Big|bigg|Bigg|bigl|bigr|Bigl|Bigr|hfill|strut)(?![A-Za-z])"
    r"|\\!|\\phantom\s*(?:\{[^{}]*\}|\S)|\\label\{[^{}]*\}"
)
_SPACES = re.compile(r"\\[,;: >]|\\q?quad(?![A-Za-z])|\\hspace\*?\{[^{}]*\}|~|\\\n|\s+")
_FONT = re.compile(
    r"\\(?:math(?:rm|bf|it|sf|tt|normal)|boldsymbol|bm|operatorname\*?|vec|hat|rm|bf|it)(?![A-Za-z])\s*"
    r"(?:\{\s*(?P<group>\\?[A-Za-z]+)\s*\}|\{(?P<number>[-\d.,/ ]+)\}|(?P<letter>[A-Za-z](?![A-Za-z])|(?=[-\d])))"
)
_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt|normal)?|mbox|textup|emph|mathrm|mathsf)\s*\{([^{}]*)\}")
_FUNCTIONS_TEXT = (
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp sqrt min max gcd lcm det pi theta alpha"
)
_FUNCTIONS = frozenset(_FUNCTIONS_TEXT.split())
_BARE_FUNCTION = re.compile(rf"(?<![A-Za-z\\])({'|'.join(sorted(_FUNCTIONS, key=len, reverse=True))})(?![A-Za-z])")
_RELATIONS = (
    (re.compile(r"\\(?:leq|leqslant|le)(?![A-Za-z])|<=|=<"), r"\\le "),
    (re.compile(r"\\(?:geq|geqslant|ge)(?![A-Za-z])|>="), r"\\ge "),
    (re.compile(r"\\(?:neq|ne)(?![A-Za-z])|!="), r"\\ne "),
    (re.compile(r"\\lt(?![A-Za-z])|&lt;"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])|&gt;"), ">"),
    (re.compile(r"\\(?:varnothing|emptyset)(?![A-Za-z])|\\\{\s*\\\}"), r"\\emptyset "),
    (re.compile(r"\\(?:l|r)?brace(?![A-Za-z])"), lambda match: r"\{" if "lb" in match[0] else r"\}"),
    (re.compile(r"\\(?:langle)(?![A-Za-z])"), "("),
    (re.compile(r"\\(?:rangle)(?![A-Za-z])"), ")"),
    (re.compile(r"\\(?:mid|vert|lvert|rvert)(?![A-Za-z])"), "|"),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|\\textdegree(?![A-Za-z])"), r"^\\circ "),
    (re.compile(r"\{?\^\s*\{?\s*\\prime\s*\}?\}?"), "'"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\\ast(?![A-Za-z])|\*"), r"\\cdot "),
    (re.compile(r"\\pmod(?![A-Za-z])|\\bmod(?![A-Za-z])"), r"\\mod "),
)


def clean(answer: str) -> str:
    """An answer without spaces around it, bold marks, math delimiters, a full stop and LaTeX's thousands separators."""
    answer = _THOUSANDS.sub("", answer)
    before = None
    while before != answer:
        before = answer
        answer = answer.strip().strip("*").strip().rstrip("。．").removesuffix(".").rstrip(",;").strip()
        for left, right in _DELIMITERS:
            inner = answer[len(left) : -len(right)]
            is_set = len(answer) > len(left + right) and answer.startswith(left) and answer.endswith(right)
            if is_set and not answer.endswith("\\" + right) and left not in inner:
                answer = inner.strip()
    return answer


def plain(answer: str) -> str:
    r"""The answer in one spelling: ASCII, `\frac{a}{b}`, `\sqrt{a}`, `^{n}`, `\le`, no delimiters, sizes or fonts."""
    text = _unicode(clean(answer))
    text = _LAYOUT.sub("", text.replace("\\\\", r"\cr "))
    text = re.sub(r"\\[()\[\]]", " ", _MATH.sub(r" \1 ", text))
    text = text.replace(r"\$", "$").replace(r"\%", "%")
    for pattern, spelling in _RELATIONS:
        text = pattern.sub(spelling, text)
    text = _FONT.sub(_upright, text)
    text = re.sub(r"\\(?:mathrm|text|mbox)\s*\{([^{}]*[/^][^{}]*)\}", r" \1 ", text)  # a unit with its signs
    text = _BARE_FUNCTION.sub(r"\\\1 ", text)
    text = " ".join(_SPACES.sub(" ", text).split())
    return re.sub(r"\^\{\s*\\circ\s*\}", r"^\\circ", _arguments(text)).strip()


def compact(text: str) -> str:
    r"""Without spaces, but for those between digits (1 1/2 is not 11/2), and without braces around one sign."""
    return re.sub(r"\{(\w)\}", r"\1", re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text))


def unwrapped(text: str) -> str:
    r"""Words of `\text{...}` and its like, without the command."""
    before = None
    while before != text:
        before = text
        text = _TEXT.sub(r" \1 ", text)
    return " ".join(text.split())


def _unicode(text: str) -> str:
    text = "".join(unicodedata.normalize("NFKC", c) if "\uff00" <= c <= "\uffef" else c for c in text)
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+", lambda match: "^{" + match[0].translate(_SUPERSCRIPTS) + "}", text)
    text = re.sub(r"[₀-₉]+", lambda match: "_{" + match[0].translate(_SUBSCRIPTS) + "}", text)
    return "".join(_fraction(c) for c in text).translate(_SYMBOLS)


def _fraction(character: str) -> str:
    """` 1/2` of the sign for a half; a space parts it from the whole number of a mixed one."""
    parts = unicodedata.decomposition(character).split()
    if parts[:1] != ["<fraction>"]:
        return character
    return " " + "".join(chr(int(part, 16)) for part in parts[1:]).replace("\u2044", "/")


def _upright(match: re.Match[str]) -> str:
    r"""An upright or bold letter is that letter, an upright function that function; other words are words."""
    name = match["group"] or match["letter"] or ""
    if not name:
        return match["number"] or ""
    bare = name.removeprefix("\\")
    if len(bare) == 1 or name != bare:
        return f"{name} " if name != bare else name
    return rf"\{bare} " if bare in _FUNCTIONS else rf"\text{{{bare}}}"


def _arguments(text: str) -> str:
    r"""Braces around the arguments that `\frac12`, `\sqrt3`, `\sqrt(3)` and `x^10` are written without."""
    parts: list[str] = []
    position = 0
    for command in re.compile(r"\\frac(?![A-Za-z])|\\sqrt(?![A-Za-z])|[\^_]").finditer(text):
        if command.start() < position:
            continue
        parts.append(text[position : command.start()])
        name, position = command[0], command.end()
        if name == r"\sqrt" and (degree := re.compile(r"\s*\[([^\[\]]*)\]").match(text, position)):
            name, position = rf"\sqrt[{degree[1]}]", degree.end()
        parts.append(name)
        for _ in range(2 if name == r"\frac" else 1):
            argument, position = _argument(text, position, whole_numbers=name not in (r"\frac", "_"))
            parts.append("{" + _arguments(argument) + "}")
    return "".join(parts) + text[position:]


def _argument(text: str, start: int, whole_numbers: bool) -> tuple[str, int]:
    r"""(argument, end) of a command at `start`: a group, parentheses, a number, a command, or one sign.

    TeX takes one digit, and so does `\frac12`; but `2^10` and `\sqrt12` are written by who means all digits.
    """
    start += len(text[start:]) - len(text[start:].lstrip())
    if text.startswith("{", start):
        end = closing(text, start)
        return text[start + 1 : end], end + 1
    if text.startswith("(", start) and whole_numbers:
        end = closing(text, start)
        return text[start : end + 1], end + 1
    pattern = r"-?\d+(?:\.\d+)?|-?\\[A-Za-z]+|-?[A-Za-z]" if whole_numbers else r"\\[A-Za-z]+|."
    token = re.compile(pattern, re.DOTALL).match(text, start)
    if token is None:
        return "", start
    end = token.end()
    while token[0].startswith("\\") and text.startswith("{", end):
        end = closing(text, end) + 1
    return text[start:end], end


def closing(text: str, start: int) -> int:
    """Where the bracket at `start` is closed; the end of the text where it is not."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    opening, closed, depth = text[start], pairs[text[start]], 0
    for sign in re.compile(r"\\.|.", re.DOTALL).finditer(text, start):
        depth += (sign[0] == opening) - (sign[0] == closed)
        if depth == 0:
            return sign.start()
    return len(text)
