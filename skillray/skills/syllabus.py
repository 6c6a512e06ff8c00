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
"""Fields of a file, for programs that make pages of it. One way to match a line: it takes no longer than it is long."""
_TAG = re.compile(
    r"<!--.*|</?(?:b|br|code|em|i|kbd|strong|sub|sup|u)\s*/?>|</(?:a|span)>|<(?:a|img|span)\s[^=]*=.*", re.DOTALL
)
"""Of HTML within a line; other text in angle brackets is text: `List<int>`."""
_TASK = re.compile(r"^\[[ xX]\]\s+")
_HEADINGS = 6
"""Levels of headings in Markdown."""
MAX_LEVELS = 30
NESTING = 4 * MAX_LEVELS
"""For the parser, to which a list and its item are two levels; what is deeper it would leave out without a word."""
_FIELDS: Mapping[str, type] = {"skill": str, "description": str, "requires": list, "parts": list}


@dataclass
class _Skill:
    """One entry; the same name may come again."""

    name: str
    where: str
    level: int
    """Of two entries that follow each other, the second is below the first where its level is higher."""
    requires: list[str] = field(default_factory=list)
    description: list[str] = field(default_factory=list)


def from_markdown(text: str, source: str) -> Draft:
    """`DataError` with the line of what cannot be read, and of an unknown prerequisite."""
    return _draft(list(_markdown(text, source)), source)


def from_plain(value: Any, source: str) -> Draft:
    """The value of a YAML syllabus. `DataError` with the entry of what cannot be read or is an unknown prerequisite."""
    return _draft(list(_plain(value, source, "", 0)), source)


def _draft(entries: Sequence[_Skill], source: str) -> Draft:
    if not entries:
        raise DataError(f"{source}: no skill in it; a syllabus has headings or lists, each entry a skill")
    for entry in entries:
        entry.name = written(_NUMBER.sub("", entry.name))
        if not entry.name:
            raise DataError(f"{source}{entry.where}: this entry has no name; give it one")
    names = {key(entry.name): entry.name for entry in reversed(entries)}
    needs: dict[str, dict[str, None]] = {entry.name: {} for entry in entries}
    described: dict[str, str] = {}
    above: list[tuple[_Skill, list[str]]] = []
    """From the top down to the entry before: each with what all below it require."""
    for place, entry in enumerate(entries):
        while above and above[-1][0].level >= entry.level:
            above.pop()
        own = [_found(one, names, entry, source) for one in entry.requires]
        inherited = above[-1][1] if above else []
        if above:
            needs[above[-1][0].name][entry.name] = None
        needs[entry.name] |= dict.fromkeys(own + inherited)
        within = _names_from(entries, place) if own else frozenset[str]()
        above.append((entry, [*inherited, *(need for need in own if need not in within)]))
        if said := " ".join(" ".join(entry.description).split()):
            described.setdefault(entry.name, said)
    return Draft(source, {skill: tuple(some) for skill, some in needs.items()}, described)


def _names_from(entries: Sequence[_Skill], place: int) -> frozenset[str]:
    """Of the entry at `place` and all below it."""
    below = takewhile(lambda entry: entry.level > entries[place].level, entries[place + 1 :])
    return frozenset([entries[place].name, *(entry.name for entry in below)])


def _found(required: str, names: Mapping[str, str], entry: _Skill, source: str) -> str:
    if (found := names.get(key(required))) is not None:
        return found
    close = difflib.get_close_matches(written(required), list(names.values()), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "; add it, or correct the name"
    raise DataError(
        f"{source}{entry.where}: {entry.name!r} requires {required.strip()!r}, which is no skill of it{hint}"
    )


def _markdown(text: str, source: str) -> Iterator[_Skill]:
    """In the order of the text. The level of a heading is its own, that of a list item 6 and its depth. Text belongs to
    the innermost item that it stands in, else to the heading before it.
    """
    from markdown_it import MarkdownIt

    heading: _Skill | None = None
    items: list[_Skill] = []
    named: set[int] = set()
    """Ids of the entries that have their first line."""
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
                entry = items[-2] if len(items) > 1 else heading
                if entry is None or id(entry) not in named:
                    raise DataError(f"{source}{where}: stands below no skill that would require it; put it below one")
            elif id(entry) not in named:
                _name(entry, lines.pop(0), bool(items))
                named.add(id(entry))
                yield entry
            _describe(entry, lines)


def _blank(front: re.Match[str]) -> str:
    """As many lines, so that those behind them keep their numbers."""
    return "\n" * front[0].count("\n")


def _name(entry: _Skill, line: str, may_describe: bool) -> None:
    for match in _INLINE.finditer(line):
        entry.requires += _listed(match[1])
    line = _INLINE.sub("", _TASK.sub("", line))
    name, colon, said = line.partition(": ") if may_describe else (line, "", "")
    entry.name = name.rstrip(": ")
    entry.description += [said] * bool(colon)


def _describe(entry: _Skill, lines: Sequence[str]) -> None:
    for line in lines:
        if match := _REQUIRES.match(line):
            entry.requires += _listed(match[1])
        else:
            entry.description.append(line)


def _listed(text: str) -> list[str]:
    return [one for one in re.split("[,;]", text.rstrip(". ")) if one.strip()]


def _text(token: Any) -> str:
    """Without emphasis, links and the like."""
    breaks = ("softbreak", "hardbreak")
    shown = (child for child in token.children or () if child.type != "html_inline" or not _TAG.match(child.content))
    return "".join("\n" if child.type in breaks else child.content for child in shown)


def _plain(value: Any, source: str, where: str, level: int) -> Iterator[_Skill]:
    if level > MAX_LEVELS:
        raise DataError(f"{source}{where}: parts are nested more than {MAX_LEVELS} levels deep")
    for place, one in enumerate(value if isinstance(value, list) else [value]):
        at = f"{where}.{place}" if where else f" entry {place}"
        fields = _fields({"skill": one} if isinstance(one, str) else one, f"{source}{at}")
        yield _Skill(fields["skill"], at, level, list(fields["requires"]), [fields["description"]])
        yield from _plain(fields["parts"], source, f"{at}.parts", level + 1)


def _fields(entry: Any, where: str) -> dict[str, Any]:
    """All of `_FIELDS`, each of its type."""
    if not isinstance(entry, dict) or not isinstance(entry.get("skill"), str):
        raise DataError(f"{where}: must be a name, or a mapping with `skill`; got {str(entry)[:40]!r}")
    if unknown := [name for name in entry if name not in _FIELDS]:
        raise DataError(f"{where}: unknown field {str(unknown[0])!r}; known here: {', '.join(_FIELDS)}")
    found = {name: kind() if entry.get(name) is None else entry[name] for name, kind in _FIELDS.items()}
    if wrong := next((name for name, kind in _FIELDS.items() if not isinstance(found[name], kind)), None):
        raise DataError(f"{where}: {wrong} must be a {'text' if _FIELDS[wrong] is str else 'list'}")
    if not all(isinstance(need, str) for need in found["requires"]):
        raise DataError(f"{where}: requires must be a list of names")
    return found
