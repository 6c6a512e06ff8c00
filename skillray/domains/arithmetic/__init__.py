"""Arithmetic: the embedded procedural domain, and the small student that is missing some of its skills."""

import os

from skillray.domains.arithmetic.annotations import check_annotations
from skillray.domains.arithmetic.domain import ARITHMETIC

STUDENT_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "student")
"""A Hugging Face folder; its README says how it was made."""

__all__ = ["ARITHMETIC", "STUDENT_FOLDER", "check_annotations"]
