"""Process reward models: what each kind is asked, and where in the text its scores stand.

    chat_prm    user: question, step 1 / assistant: + / user: step 2 / assistant: + ...    P(+) to P(-) before each +
    tag_prm     question Step 1: step TAG / Step 2: step TAG ...                           P(+) to P(-) at each TAG
    token_prm   system / user: question / assistant: step 1 SEP step 2 SEP ...             class 1 of 2 at each SEP

One forward pass scores all steps of a response: attention is causal, so what a model says of step k does not depend on
the steps after it. The authors' code encodes the growing conversation once a step instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import PositiveInt

from skillray.chat.template import first_line, fixed_day
from skillray.errors import ConfigError
from skillray.grading.splitting import StepSplit
from skillray.store.paths import DataPath
from skillray.types import Value


class _Prm(Value):
    """What all kinds have."""

    model: DataPath
    """A Hugging Face id, or a path to a Hugging Face folder. Remote code is never run."""
    revision: str | None = None
    """Of a Hugging Face id: branch, tag or commit; None is its main branch."""
    split: StepSplit = StepSplit()
    dtype: Literal["fp32", "bf16"] = "bf16"
    max_batch_tokens: PositiveInt = 16_384
    """Tokens of one forward pass, padding included; a longer response goes alone."""

    @property
    def source(self) -> str:
        """ID@REVISION, or the model as it was given."""
        return f"{self.model}@{self.revision}" if self.revision else self.model


class ChatPrm(_Prm):
    """RLHFlow's models, which STAT and AdaptMI use: RLHFlow/Llama3.1-8B-PRM-Mistral-Data (STAT, arXiv 2510.10023, C.1),
    RLHFlow/Llama3.1-8B-PRM-Deepseek-Data (AdaptMI's scripts). The score of a step is P(+) / (P(+) + P(-)) where the
    model is to say what it thinks of it (AdaptMI, math-rm/rm_classify.py)."""

    type: Literal["chat_prm"] = "chat_prm"


class TagPrm(_Prm):
    """Math-Shepherd (arXiv 2312.08935): a tag after every step, where + or - is read; steps are numbered."""

    type: Literal["tag_prm"] = "tag_prm"
    tag: str = "ки"


class TokenPrm(_Prm):
    """Qwen2.5-Math-PRM (arXiv 2501.07301): a separator after every step, where a head of two classes is read."""

    type: Literal["token_prm"] = "token_prm"
    separator: str = "<extra_0>"
    system: str = "Please reason step by step, and put your final answer within \\boxed{}."


Prm = ChatPrm | TagPrm | TokenPrm
GOOD, BAD = "+", "-"
_NUMBERED = re.compile(r"^[\s#*_]*step\s*\d+[*_]*\s*(?:[:.)]|[-\u2013\u2014](?=\s))[*_]*\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One response as a model sees it."""

    ids: tuple[int, ...]
    places: tuple[int, ...]
    """0-based, one a step, in order: the position whose output is the step's score."""


def encode(prm: Prm, tokenizer: Any, question: str, steps: Sequence[str]) -> Encoded:
    """`steps` is not empty. `ConfigError` for a tokenizer that the kind cannot be used with."""
    match prm:
        case ChatPrm():
            return _encode_chat(tokenizer, question, steps)
        case TagPrm():
            written = "\n".join(f"Step {n}: {unnumbered(step)} {prm.tag}" for n, step in enumerate(steps, start=1))
            return _at_token(tokenizer(f"{question} {written}")["input_ids"], token_id(tokenizer, prm.tag), len(steps))
        case TokenPrm():
            answer = "".join(f"{step}{prm.separator}" for step in steps)
            turns = [("system", prm.system), ("user", question), ("assistant", answer)]
            ids = _ids(tokenizer, _chat_text(tokenizer, turns, prompt=False))
            return _at_token(ids, token_id(tokenizer, prm.separator), len(steps))


def unnumbered(step: str) -> str:
    """A step without the number that its writer gave it (`Step 1:`, `### Step 2.`, `**Step 3:**`): it gets one here."""
    bare = _NUMBERED.sub("", step, count=1).strip()
    return bare or step


def control_token(tokenizer: Any, texts: Sequence[str]) -> str | None:
    """The first one that stands in `texts`: a student that writes it could write turns, and praise, of its own."""
    added = [token.content for token in tokenizer.added_tokens_decoder.values()]
    return next((token for token in added for text in texts if token in text), None)


def token_id(tokenizer: Any, text: str) -> int:
    """Of the one token that `text` is; a mark of a word's beginning before it is no part of it."""
    ids = _ids(tokenizer, text)
    if not ids or tokenizer.decode([ids[-1]]).strip() != text:
        raise ConfigError(f"grading.scorer: {text!r} is no single token of this model's tokenizer; check `type`")
    return int(ids[-1])


def _encode_chat(tokenizer: Any, question: str, steps: Sequence[str]) -> Encoded:
    """The whole conversation is tokenised once, and the end of each prefix once more, from its last control token on:
    what stands before a control token is tokenised the same whatever follows it.
    """
    turns, prefixes = [], []
    for index, step in enumerate(steps):
        turns.append(("user", step if index else f"{question} {step}"))
        prefixes.append(_chat_text(tokenizer, turns, prompt=True))
        turns.append(("assistant", GOOD))
    text = _chat_text(tokenizer, turns, prompt=False)
    ids, starts = _with_starts(tokenizer, text)
    place_of = {start: place for place, start in enumerate(starts) if ids[place] == token_id(tokenizer, GOOD)}
    places = [place_of.get(len(prefix)) for prefix in prefixes]
    for prefix, place in zip(prefixes, places, strict=True):
        if place is None or not text.startswith(prefix) or not _is_prefix(tokenizer, prefix, ids[:place], starts):
            raise ConfigError("grading.scorer: this chat template writes no '+' turn after a step; check `type`")
    return Encoded(tuple(ids), tuple(place - 1 for place in places if place is not None))


def _is_prefix(tokenizer: Any, text: str, ids: list[int], starts: Sequence[int]) -> bool:
    """Whether the tokens of `text` are `ids`, the first ones of a longer text whose tokens begin at `starts`."""
    controls = tokenizer.added_tokens_decoder
    last = next((place for place in reversed(range(len(ids))) if ids[place] in controls), None)
    if last is None:  # all of it could be different
        return _ids(tokenizer, text) == ids
    return _ids(tokenizer, text[starts[last] :]) == ids[last:]


def _chat_text(tokenizer: Any, turns: Sequence[tuple[str, str]], *, prompt: bool) -> str:
    if not tokenizer.chat_template:
        raise ConfigError("grading.scorer: this model has no chat template; check `type`, or use another model")
    messages = [{"role": role, "content": content} for role, content in turns]
    options = {"tokenize": False, "add_generation_prompt": prompt} | fixed_day()
    try:
        return str(tokenizer.apply_chat_template(messages, **options))
    except Exception as error:  # whatever the template's author, or Jinja, chose to raise
        raise ConfigError(f"grading.scorer: this model's chat template fails ({first_line(error)}); mend it") from None


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _with_starts(tokenizer: Any, text: str) -> tuple[list[int], list[int]]:
    """Tokens, and at which character each begins."""
    if not tokenizer.is_fast:
        raise ConfigError("grading.scorer: this model has no fast tokenizer (tokenizer.json); convert it")
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return found["input_ids"], [start for start, _ in found["offset_mapping"]]


def _at_token(ids: Sequence[int], mark: int, num_steps: int) -> Encoded:
    """A mark that the student wrote itself would be one too many: the last ones are then not its steps."""
    places = tuple(place for place, token in enumerate(ids) if token == mark)
    if len(places) != num_steps:
        return Encoded(tuple(ids), ())
    return Encoded(tuple(ids), places)


def batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Indices of `lengths` in groups of like length; a group, padded, has at most `max_tokens` unless it is of one."""
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (lengths[index], index)):
        # In order of length, the newest is the longest of its group.
        if groups and (len(groups[-1]) + 1) * lengths[index] <= max_tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
