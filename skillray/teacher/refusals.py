"""What a server's refusal of one request says of others: whether it named a parameter that it does not take at all.

A prompt that is too long, or filtered and quoted, or a value that is out of range concerns its own request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import openai

_UNKNOWN_CODES = frozenset({"unsupported_parameter", "unknown_parameter", "unrecognized_parameter", "extra_forbidden"})
"""As OpenAI's service and servers after its model name them in `code` or `type`."""
_BAD = r"(?:unsupported|unknown|unrecogni[sz]ed|unexpected|extra|additional|not allowed|not supported|no such)"
_WHAT = (
    r"(?:request |keyword |body |input )*"
    r"(?:parameter|argument|field|name|keyword|property|properties|option|input|key)s?"
)
_CANNOT = (
    r"(?:does not|doesn['’]t|do not|don['’]t|cannot|can['’]t) (?:yet |currently )?"
    r"(?:support|accept|recogni[sz]e|take|allow)"
)
_IS_NOT = (
    r"(?:(?:is|are) )?(?:currently |yet )?(?:not (?:yet |currently )?(?:supported|permitted|allowed|recogni[sz]ed"
    r"|available|implemented|accepted)|unsupported|unknown|unrecogni[sz]ed|unavailable|forbidden)"
)


def unknown_parameter(error: openai.APIStatusError, sent: Iterable[str], prompt: str) -> str | None:
    """The parameter among `sent` that the server says it takes in no request; None where it says no such thing.

    By the error's own fields where it has them, else by a phrase that is not part of the prompt, which may be quoted.
    """
    body = error.body if isinstance(error.body, Mapping) else {}
    names = list(sent)
    if (by_details := _in_details(body.get("detail"), names)) is not None:
        return by_details
    param, codes = _root(body.get("param")), {str(body.get("code")), str(body.get("type"))}
    if param:
        names = [name for name in names if name == param]
        if names and codes & _UNKNOWN_CODES:
            return param
    told, asked = _plain(str(body.get("message") or body.get("detail") or error)), _plain(prompt)
    return next((name for name in names if _is_named(name, told, asked)), None)


def concerns_the_form(error: openai.APIStatusError, prompt: str) -> bool:
    """Whether the schema of this one request was refused; another one may be taken."""
    body = error.body if isinstance(error.body, Mapping) else {}
    if param := _root(body.get("param")):
        return param == "response_format"
    told = _plain(str(body.get("message") or error))
    words = re.findall(r"response_format|json_schema|guided_json|structured output|\bschema\b|\bgrammar\b", told)
    return any(word not in _plain(prompt) for word in words)


def _in_details(details: Any, names: list[str]) -> str | None:
    """FastAPI's form: a list of what is wrong, each with its place in the body."""
    for detail in details if isinstance(details, list) else ():
        place = detail.get("loc") if isinstance(detail, Mapping) else None
        if isinstance(place, list | tuple) and str(detail.get("type")) in _UNKNOWN_CODES and place[-1] in names:
            return str(place[-1])
    return None


def _is_named(name: str, told: str, asked: str) -> bool:
    quoted = rf"[`'\"‘“]?{name}[`'\"’”]?"
    phrases = [
        rf"{_BAD} (?:{_WHAT})?(?: supplied| provided| in request)?\s*[:=(]?\s*{quoted}(?![\w-])",
        rf"{_BAD}\s*:\s*{quoted}(?![\w-])",
        rf"(?<![\w-]){quoted}\s*:?\s*(?:{_WHAT} )?(?:type )?{_IS_NOT}",
        rf"(?<![\w-]){quoted}\s*:\s*extra (?:inputs|fields) (?:are )?not permitted",
        rf"{_CANNOT} (?:the )?(?:use of )?(?:{_WHAT} )?{quoted}(?![\w-])",
    ]
    if name == "temperature":  # models that are asked with their own temperature, and no other
        phrases.append(rf"{quoted}(?: {_CANNOT} | must be )\d|{quoted} {_IS_NOT}|unsupported value: {quoted}")
    found = [match[0] for phrase in phrases for match in re.finditer(phrase, told)]
    return any(phrase.strip("`'\"‘“’” ") not in asked for phrase in found)


def _root(param: Any) -> str:
    """`response_format.json_schema` and `body[temperature]` are of one parameter."""
    words = re.findall(r"\w+", param) if isinstance(param, str) else []
    return next((word for word in words if word not in ("body", "request")), "")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
