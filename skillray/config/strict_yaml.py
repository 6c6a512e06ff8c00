"""YAML that means what it looks like: the core schema of YAML 1.2, no tags, no aliases, no key twice.

PyYAML's own `safe_load` reads `1e-5` as text, `no` as false and `0123` as 83, and takes the last of two equal keys.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, ClassVar

import yaml

from skillray.errors import ConfigError

MAX_DEPTH = 32
"""Nested lists and mappings; a config has 5 levels."""
_CORE: dict[str, tuple[str, str]] = {
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
"""What a plain word is (YAML 1.2.2, 10.3.2), in the order it is tried; and the characters it can begin with."""
_Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]


def _resolvers() -> _Resolvers:
    found: _Resolvers = {}
    for name, (pattern, first) in _CORE.items():
        for character in first:
            entry = (f"tag:yaml.org,2002:{name}", re.compile(rf"(?:{pattern})\Z"))
            found.setdefault("" if character == "\0" else character, []).append(entry)
    return found


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[_Resolvers] = _resolvers()
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _at(event, "aliases are not allowed: write the value out")
        if getattr(event, "tag", None) is not None:
            raise _at(event, f"tags are not allowed: remove {event.tag!r}")
        if self._depth >= MAX_DEPTH:
            raise _at(event, f"nested more than {MAX_DEPTH} levels deep")
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _at(key, "a key must be a word")
            if key.value == "<<":
                raise _at(key, "merge keys are not allowed: write the fields out")
            if key.value in seen:
                raise _at(key, f"key {key.value!r} stands twice: remove one")
            seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        text = node.value
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


class _Dumper(yaml.SafeDumper):
    """Quotes a text that PyYAML or the loader above would take for something else."""


for _name in ("int", "float"):
    _pattern, _first = _CORE[_name]
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def parse_yaml(text: str) -> Any:
    """A value of plain YAML: mappings, lists, texts, numbers, booleans and nulls.

    Raises:
        ConfigError: not plain YAML; names the line.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        raise ConfigError(f"character #x{error.character:04x} is not allowed in YAML: is this a text file?") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError((f"line {mark.line + 1}: " if mark else "") + " ".join(problem.split())) from None
    except ValueError as error:  # a number with thousands of digits
        raise ConfigError(f"a number cannot be read ({error})") from None


def dump_yaml(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def _at(place: yaml.Event | yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)
