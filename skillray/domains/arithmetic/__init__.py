"""Arithmetic: the embedded procedural domain."""

from skillray.domains.arithmetic.domain import ARITHMETIC

__all__ = ["ARITHMETIC"]
