"""A syllabus, nested Markdown or YAML, as a draft of a skill graph (DSA, arXiv 2412.19361).

Markdown: headings and lists, nested; what stands below a skill are its sub-skills.

    # Calculus                            a heading is a skill
    The mathematics of change.            text below it describes it
    ## Limits
    - One-sided limits: from the left     a list item is a skill; behind ": " it may be described
    - Continuity (requires: one-sided limit)   explicit prerequisites, from anywhere in the file
    ## Derivatives
    requires: limits, continuity          the same on a line of its own, below a heading or in a list item; as a list
                                          item by itself it is of what that stands below

YAML: a list of skills, each a name or a mapping.

    - skill: Derivatives
      description: Slopes.
      requires: [limits, continuity]
      parts: [Chain rule, {skill: Product rule}]

Numbers in front of names ("1.2 Limits") are left out, names are written as ours are (`one_sided_limits`), and
prerequisites are found whatever their case, punctuation or plural. The paper has edges from lower skills to higher
ones. Our choices: a sub-skill is a prerequisite of the skill that it stands below; what a skill requires, all below it
require; the order of siblings is no prerequisite, only the order in which they are learned where nothing else decides.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from skillray.errors import DataError
from skillray.skills.draft import Draft
from skillray.skills.names import key, written

_NUMBER = re.compile(r"^\s*(?:\d+\.)+\d*\s+")
_REQUIRES = re.compile(r"^\s*requires?:(.*)$", re.IGNORECASE)
_INLINE = re.compile(r"[(\[]\s*requires?:([^)\]]*)[)\]]\s*", re.IGNORECASE)
_FRONT = re.compile(r"\A---[ \t]*\r?\n(?:\w[\w-]*[ \t]*:[^\n]*\n(?:(?:[ \t]|-[ \t])[^\n]*\n)*)+---[ \t]*(?:\r?\n|\Z)")
"""Front matter: fields at the head of a file, for programs that make pages of it.

Each line can match in one way only, so that the time is linear in the length of the text.
"""
_TAG = re.compile(
    r"<!--.*|</?(?:b|br|code|em|i|kbd|strong|sub|sup|u)\s*/?>|</(?:a|span)>|<(?:a|img|span)\s[^=]*=.*", re.DOTALL
)
"""HTML tags within a line, which are dropped; other text in angle brackets is kept: `List<int>`."""
_TASK = re.compile(r"^\[[ xX]\]\s+")
_HEADINGS = 6
"""Levels of headings in Markdown."""
MAX_LEVELS = 30
NESTING = 4 * MAX_LEVELS
"""The parser's own limit of nesting. It counts a list and its item as two levels and drops deeper text silently, so
its limit must lie above ours, which is an error.
"""
_FIELDS: Mapping[str, type] = {"skill": str, "description": str, "requires": list, "parts": list}


@dataclass
class _Skill:
    """One entry of a syllabus; several entries may name the same skill."""

    name: str
    where: str
    """The entry's line or path in its file, for messages; begins with a space."""
    level: int
    """Depth in the syllabus. An entry is a sub-skill of the entry before it if its level is higher."""
    requires: list[str] = field(default_factory=list)
    """Names of prerequisites, as the file spells them."""
    description: list[str] = field(default_factory=list)
    """Lines of text."""


def from_markdown(text: str, source: str) -> Draft:
    """The draft of a Markdown syllabus. `DataError` names the line that cannot be read or requires an unknown skill."""
    return _draft(list(_markdown(text, source)), source)


def from_plain(value: Any, source: str) -> Draft:
    """The entries that enclose the present one, outermost first: each with the skills that all below it require."""
    return _draft(list(_plain(value, source, "", 0)), source)


def _draft(entries: Sequence[_Skill], source: str) -> Draft:
    if not entries:
        raise DataError(f"{source}: no skill in it; a syllabus has headings or lists, each entry a skill")
    for entry in entries:
        entry.name = written(_NUMBER.sub("", entry.name))
        if not entry.name:
            raise DataError(f"{source}{entry.where}: this entry has no name; give it one")

    # Reversed, so that the first of several spellings counts.
    names = {key(entry.name): entry.name for entry in reversed(entries)}
    needs: dict[str, dict[str, None]] = {entry.name: {} for entry in entries}
    described: dict[str, str] = {}
    above: list[tuple[_Skill, list[str]]] = []
    """The entries that enclose the present one, the outermost first: each with the skills that all below it require."""
    for index, entry in enumerate(entries):
        while above and above[-1][0].level >= entry.level:
            above.pop()

        own = [_prerequisite(required, names, entry, source) for required in entry.requires]
        inherited = above[-1][1] if above else []
        if above:
            needs[above[-1][0].name][entry.name] = None
        needs[entry.name] |= dict.fromkeys(own + inherited)

        # A skill may require one of its own sub-skills; they do not inherit that, for they would require themselves.
        within = _names_from(entries, index) if own else frozenset[str]()
        above.append((entry, [*inherited, *(need for need in own if need not in within)]))
        if said := " ".join(" ".join(entry.description).split()):
            described.setdefault(entry.name, said)

    return Draft(source, {skill: tuple(required) for skill, required in needs.items()}, described)


def _names_from(entries: Sequence[_Skill], index: int) -> frozenset[str]:
    """Names of the entry at `index` and of all its sub-skills."""
    below = takewhile(lambda entry: entry.level > entries[index].level, entries[index + 1 :])
    return frozenset([entries[index].name, *(entry.name for entry in below)])


def _prerequisite(required: str, names: Mapping[str, str], entry: _Skill, source: str) -> str:
    """The skill that `required` names, whatever its spelling; `DataError`, with the closest name, if there is none."""
    if (name := names.get(key(required))) is not None:
        return name
    close = difflib.get_close_matches(written(required), list(names.values()), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "; add it, or correct the name"
    raise DataError(
        f"{source}{entry.where}: {entry.name!r} requires {required.strip()!r}, which is no skill of it{hint}"
    )


def _markdown(text: str, source: str) -> Iterator[_Skill]:
    """The entries of a Markdown syllabus, in the order of the text.

    A heading has its own level, a list item 6 and its depth. Text belongs to the innermost item that it stands in, or
    else to the heading before it.
    """
    from markdown_it import MarkdownIt

    heading: _Skill | None = None
    items: list[_Skill] = []
    named: set[int] = set()
    """Ids of the entries whose first line, which names them, has been read."""
    for token in MarkdownIt("commonmark", {"maxNesting": NESTING}).parse(_FRONT.sub(_blank, text)):
        where = f" line {token.map[0] + 1}" if token.map else ""
        if token.type == "heading_open" and not items:
            heading = _Skill("", where, int(token.tag[1]))
        elif token.type == "list_item_open":
            items.append(_Skill("", where, _HEADINGS + len(items) + 1))
            if len(items) > MAX_LEVELS:
                raise DataError(f"{source}{where}: lists are nested more than {MAX_LEVELS} levels deep")
        elif token.type == "list_item_close":
            items.pop()
        elif token.type == "inline" and (entry := items[-1] if items else heading) is not None:
            lines = _text(token).split("\n")
            if id(entry) not in named and items and _REQUIRES.match(lines[0]):
                # An item that only says "requires:" is no skill: it speaks of the entry that encloses it.
                entry = items[-2] if len(items) > 1 else heading
                if entry is None or id(entry) not in named:
                    raise DataError(f"{source}{where}: stands below no skill that would require it; put it below one")
            elif id(entry) not in named:
                _name(entry, lines.pop(0), bool(items))
                named.add(id(entry))
                yield entry
            _describe(entry, lines)


def _blank(front: re.Match[str]) -> str:
    """Empty lines in place of the front matter, so that messages about later lines have the right numbers."""
    return "\n" * front[0].count("\n")


def _name(entry: _Skill, line: str, may_describe: bool) -> None:
    """Read an entry's first line: its name, inline prerequisites and, if it may have one, a description behind ": "."""
    for match in _INLINE.finditer(line):
        entry.requires += _listed(match[1])
    line = _INLINE.sub("", _TASK.sub("", line))
    name, colon, said = line.partition(": ") if may_describe else (line, "", "")
    entry.name = name.rstrip(": ")
    entry.description += [said] * bool(colon)


def _describe(entry: _Skill, lines: Sequence[str]) -> None:
    """Add the lines below an entry's first one to its description or, where they say so, to its prerequisites."""
    for line in lines:
        if match := _REQUIRES.match(line):
            entry.requires += _listed(match[1])
        else:
            entry.description.append(line)


def _listed(text: str) -> list[str]:
    return [name for name in re.split("[,;]", text.rstrip(". ")) if name.strip()]


def _text(token: Any) -> str:
    """The plain text of an inline token, with its line breaks, without the marks of emphasis, links and the like."""
    breaks = ("softbreak", "hardbreak")
    shown = (child for child in token.children or () if child.type != "html_inline" or not _TAG.match(child.content))
    return "".join("\n" if child.type in breaks else child.content for child in shown)


def _plain(value: Any, source: str, where: str, level: int) -> Iterator[_Skill]:
    """The entries of a YAML syllabus, each before its parts; `where` is the path that leads to `value`."""
    if level > MAX_LEVELS:
        raise DataError(f"{source}{where}: parts are nested more than {MAX_LEVELS} levels deep")
    for index, entry in enumerate(value if isinstance(value, list) else [value]):
        at = f"{where}.{index}" if where else f" entry {index}"
        fields = _fields({"skill": entry} if isinstance(entry, str) else entry, f"{source}{at}")
        yield _Skill(fields["skill"], at, level, list(fields["requires"]), [fields["description"]])
        yield from _plain(fields["parts"], source, f"{at}.parts", level + 1)


def _fields(entry: Any, where: str) -> dict[str, Any]:
    """The entry with all of `_FIELDS`, each of its type and empty where it is absent. Raises `DataError`."""
    if not isinstance(entry, dict) or not isinstance(entry.get("skill"), str):
        raise DataError(f"{where}: must be a name, or a mapping with `skill`; got {str(entry)[:40]!r}")
    if unknown := [name for name in entry if name not in _FIELDS]:
        raise DataError(f"{where}: unknown field {str(unknown[0])!r}; known here: {', '.join(_FIELDS)}")

    fields: dict[str, Any] = {}
    for name, kind in _FIELDS.items():
        # A field without a value (`requires:`) is None in YAML, and means the same as no field.
        fields[name] = kind() if entry.get(name) is None else entry[name]
        if not isinstance(fields[name], kind):
            raise DataError(f"{where}: {name} must be a {'text' if kind is str else 'list'}")
    if not all(isinstance(need, str) for need in fields["requires"]):
        raise DataError(f"{where}: requires must be a list of names")
    return fields
