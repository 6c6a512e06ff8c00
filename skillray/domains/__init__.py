"""Procedural worlds by name."""

from skillray.domains.arithmetic import ARITHMETIC
from skillray.protocols import Domain

DOMAINS: dict[str, Domain] = {"arithmetic": ARITHMETIC}
"""Name -> domain, as configs name them."""

__all__ = ["DOMAINS"]
