"""How text and numbers are shown. Text comes from models and data files, so nothing invisible stays invisible."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories a reader cannot see: controls, bidi and zero-width marks, lone surrogates, odd separators."""
NONE = "–"


def visible(text: str, keep: str = "\n\t") -> str:
    r"""`text` with every unseen character, but those in `keep`, written out: U+202E becomes the six letters \u202e."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in _UNSEEN else _written(c) for c in text)


def _written(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def line(text: str, width: int = 60) -> str:
    """One visible line of at most `width` characters."""
    shown = visible(text.replace("\n", " "), keep="")
    return shown if len(shown) <= width else shown[: width - 1].rstrip() + "…"


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]} … ({len(text) - length:,} more characters)"


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage without its sign."""
    return f"{100 * share:.{digits}f}"


def points(difference: float, digits: int = 1) -> str:
    """A difference of shares in percentage points, signed; a rounded zero has no sign."""
    shown = f"{100 * difference:+.{digits}f}"
    return shown[1:] if float(shown) == 0 else shown.replace("-", "−")


def amount(value: float) -> str:
    """A count with thousands separated, or a number with at most four significant digits."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.4g}"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def round_name(index: int) -> str:
    return "base" if index < 0 else f"round {index}"


def after_name(index: int) -> str:
    """What the numbers of a round are about: the student after it."""
    return "before training" if index < 0 else f"after round {index}"
