"""The report: a run folder in, one self-contained page and plain-text tables out. It reads, and never runs anything."""

from __future__ import annotations

from skillray.report.page import write_report
from skillray.report.terminal import profile_json, profile_table, tables

__all__ = ["profile_json", "profile_table", "tables", "write_report"]
