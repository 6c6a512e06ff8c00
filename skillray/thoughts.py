r"""Thoughts of reasoning models: where they are in a text, in whatever notation a model or a server writes them.

A model of the reasoning kind first writes to itself and then replies. Its thoughts are no part of the reply: an answer
in them is not its answer, and nobody is to learn from them.

Notations: tags (`<think>` of DeepSeek-R1, arXiv 2501.12948, and Qwen3; `<thinking>`, `<reasoning>`, `<seed:think>`,
`[THINK]` of Magistral, `◁think▷` of Kimi, `<|START_THINKING|>` of Cohere, `<|begin_of_thought|>` of Sky-T1 and others),
the channels of gpt-oss (OpenAI's harmony format) with and without their special tokens, and Granite's two headings.
"""

from __future__ import annotations

import re

Span = tuple[int, int]

_NAME = r"(?:think|thinking|thoughts?|reason|reasoning|analysis|reflection|scratchpad|(?:inner|internal)_monologue)"
_TAG = re.compile(
    rf"""
      <\s*(?P<angle>/?)\s*(?:\w+:)?{_NAME}(?:\s+[\w-]+\s*=\s*[^\s<>]+)*\s*>
    | &lt;(?P<escaped>/?){_NAME}&gt;
    | \[(?P<square>/?){_NAME}\]
    | ◁(?P<triangle>/?){_NAME}▷
    | <\|(?P<special>/|(?:end|stop)_(?:of_)?)?(?:(?:begin|start)_(?:of_)?)?{_NAME}\|>
    | <details\s+type="reasoning"[^<>]*> | (?P<details></details>)
    | <unused94>(?:thought)? | (?P<unused><unused95>)
    | <\|inner_prefix\|> | (?P<inner><\|inner_suffix\|>)
    | <\|channel>\s*thought | (?P<channel><channel\|>)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A tag that begins thoughts; where one of its groups holds something, one that ends them."""
_NEEDS_BEGIN = "details"
"""The group of the only tag that is also written for other things: alone it ends no thoughts."""
_CHANNEL = re.compile(
    r"(?:<\|start\|>[^<|]*)?<\|channel\|>\s*(?P<name>\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>", re.IGNORECASE
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>(?:\s*<\|start\|>[^<|]*\Z)?", re.IGNORECASE)
_PLAIN_CHANNEL = re.compile(r"\s*analysis(?=[A-Z])(?P<thoughts>.*?)(?:assistantfinal|\Z)", re.DOTALL)
"""What is left of gpt-oss's channels when its special tokens were not decoded."""
_GRANITE = re.compile(r"\s*here is my thought process:.*?(?:here is my response:|\Z)", re.DOTALL | re.IGNORECASE)


def thought_spans(text: str) -> list[Span]:
    """(start, end) of each stretch of thoughts, in order and apart, with the marks around them.

    Thoughts that end without a beginning began before the text: chat templates write the first tag. Those that begin
    and do not end go to the end of the text.
    """
    if _CHANNEL.search(text):
        return _channels(text)
    for whole in (_PLAIN_CHANNEL, _GRANITE):
        if match := whole.match(text):
            return [match.span()]
    return _tagged(text)


def without_thoughts(text: str) -> str:
    """The reply alone, stripped where thoughts were cut off; "" where a text has nothing but thoughts."""
    spans = thought_spans(text)
    if not spans:
        return text
    bounds = [0, *(bound for span in spans for bound in span), len(text)]
    parts = [text[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    return "".join(parts).strip()


def blank_thoughts(text: str) -> str:
    """`text` with a space for every character of thoughts, so that what stands behind them keeps its place."""
    for start, end in thought_spans(text):
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _tagged(text: str) -> list[Span]:
    spans: list[Span] = []
    begin: int | None = None
    for tag in _TAG.finditer(text):
        if not any(tag.groups()):
            begin = tag.start() if begin is None else begin
        elif begin is not None:
            spans.append((begin, tag.end()))
            begin = None
        elif not tag[_NEEDS_BEGIN]:
            spans = [(0, tag.end())]
    return spans if begin is None else [*spans, (begin, len(text))]


def _channels(text: str) -> list[Span]:
    """All but what the channel `final` says. Text before the first header is of a channel that the prompt began."""
    spans: list[Span] = []
    begin: int | None = 0
    for header in _CHANNEL.finditer(text):
        begin = header.start() if begin is None else begin
        if header["name"].lower() == "final":
            spans.append((begin, header.end()))
            end = _CHANNEL_END.search(text, header.end())
            begin = end.start() if end else None
    return spans if begin is None or begin == len(text) else [*spans, (begin, len(text))]
