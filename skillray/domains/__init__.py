"""Procedural worlds by name."""

from skillray.domains.arithmetic import ARITHMETIC
from skillray.domains.arithmetic.domain import ArithmeticDomain

DOMAINS: dict[str, ArithmeticDomain] = {"arithmetic": ARITHMETIC}
"""Name -> domain, as configs name them."""

__all__ = ["DOMAINS"]
