"""Chats as a student reads and writes them: what its template writes is found by rendering, never by reading it.

    question          ──> system, examples, question, ... <|assistant|>               what a student is asked
    question, answer  ──> system, examples, question, ... <|assistant|>answer<|end|>  what it is trained on: from the
                                                                                      answer to the end of turn

Two probes are rendered, a question and a question with its answer. They tell where an answer ends and by which token,
and whether the generation prompt opens thoughts. A template that cannot be used is refused then, in one line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from skillray.chat.prompt import BARE, StudentPrompt, messages
from skillray.chat.template import QUESTION, ChatTemplate, first_line, open_template, unusable
from skillray.chat.tokens import first_token_behind, token_ids
from skillray.store.files import read_json
from skillray.thoughts import thought_spans, without_thoughts
from skillray.types import Message

Chat = tuple[str, str]
"""Question and answer."""
ANSWER = "It is 42."
"""The probe."""
_OPENING = re.compile(r"(?P<left>[<\[])(?P<name>[\w:]+)[>\]]\s*\Z")
"""A tag behind which thoughts begin."""


@dataclass(frozen=True)
class ChatFormat:
    """How one tokenizer writes the chats of one prompt."""

    template: ChatTemplate
    forced: str
    """What the template writes before an answer though it knows no generation prompt; ours goes on with it."""
    asked: str
    """The end of the generation prompt, as far as a chat with an answer has something else there."""
    answered: str
    """What such a chat has there instead. Both are empty but where only one of them opens or closes thoughts."""
    lead: str
    """What an answer begins with before its own text: the template's blanks, and the end of thoughts that the prompt
    opened, of which a reference solution has none."""
    opened: str
    """The thoughts that the generation prompt begins and leaves open; empty for most."""
    tail: str
    """What the template writes behind an answer."""
    end: str
    """The end of turn in `tail`; empty where the template writes none."""
    end_token: int
    """The token that ends a turn: answers stop there, and it is the last one that is trained on."""

    @property
    def tokenizer(self) -> Any:
        return self.template.tokenizer

    def prompts(self, questions: Sequence[str]) -> list[str]:
        """The text of each chat up to where the student writes."""
        turns = [messages(self.template.prompt, question) for question in questions]
        return [text + self.forced for text in self.template.render(turns, True)]

    def prompt_ids(self, questions: Sequence[str]) -> list[list[int]]:
        return token_ids(self.tokenizer, self.prompts(questions))

    def encode(self, chats: Sequence[Chat]) -> list[tuple[list[int], int]]:
        """Tokens of each chat up to its end of turn, and from which of them on they are trained on.

        Where prompt and answer share a token (a prompt that ends in a space may), it is trained on: it holds the first
        letters of the answer.

        Raises:
            ConfigError: the template does not write one of the chats as it wrote the probe.
        """
        turns = [(*messages(self.template.prompt, question), _assistant(answer)) for question, answer in chats]
        wholes = self.template.render(turns, False)
        prompts = self._prompts_of([question for question, _ in chats], wholes)
        texts = [self._joined(prompt, whole) for prompt, whole in zip(prompts, wholes, strict=True)]
        ids = token_ids(self.tokenizer, [*prompts, *texts])
        encoded = []
        for prompt, text, before, all_ids in zip(prompts, texts, ids[: len(chats)], ids[len(chats) :], strict=True):
            is_prefix = all_ids[: len(before)] == before
            start = len(before) if is_prefix else first_token_behind(self.tokenizer, text, len(prompt))
            encoded.append((all_ids if self.end else [*all_ids, self.end_token], start))
        return encoded

    def _prompts_of(self, questions: Sequence[str], wholes: Sequence[str]) -> list[str]:
        """What stands around one question stands around all; only where a chat in `wholes` does not begin so does the
        template render every prompt.
        """
        before, _, after = self.prompts([QUESTION])[0].partition(QUESTION)
        prompts = [f"{before}{question}{after}" for question in questions]
        if all(whole.startswith(self._head(prompt)) for prompt, whole in zip(prompts, wholes, strict=True)):
            return prompts
        return self.prompts(questions)

    def _head(self, prompt: str) -> str:
        """The text before the answer in a chat whose prompt this is."""
        return prompt.removesuffix(self.asked) + self.answered

    def _joined(self, prompt: str, whole: str) -> str:
        """The prompt, and the answer in `whole` up to its end of turn."""
        head = self._head(prompt)
        if not whole.startswith(head):
            raise unusable(self.tokenizer, _NO_PREFIX)
        answer = whole[len(head) :]
        if not self.end:
            return f"{prompt}{self.lead}{answer.removesuffix(self.tail)}"
        before_end, end, _ = self.tail.partition(self.end)
        if answer.endswith(self.tail):
            return f"{prompt}{self.lead}{answer.removesuffix(self.tail)}{before_end}{end}"
        written, end, _ = answer.rpartition(self.end)  # what a template writes behind an answer may depend on it
        if not end:
            raise unusable(self.tokenizer, f"ends an answer without its {self.end}")
        return f"{prompt}{self.lead}{written}{end}"


_NO_PREFIX = "does not continue its generation prompt with the answer, so the tokens to train on cannot be told"


def open_format(tokenizer: Any, prompt: StudentPrompt = BARE) -> ChatFormat:
    """The format of `prompt`, by default the question alone, in the tokenizer's own chat template.

    Raises:
        ConfigError: the template cannot be used with this prompt; says why and what to do.
    """
    template = open_template(tokenizer, prompt)
    turns = messages(template.prompt, QUESTION)
    try:
        [asked], [bare] = (template.render([turns], is_asked) for is_asked in (True, False))
        [whole] = template.render([(*turns, _assistant(ANSWER))], False)
    except Exception as error:  # whatever the template's author, or Jinja, chose to raise
        raise unusable(tokenizer, f"fails on an answer ({first_line(error)})") from None
    head, written, tail = whole.rpartition(ANSWER)
    if not written:
        raise unusable(tokenizer, "does not write the answer of a chat")
    forced = _forced(bare, asked, head)
    end_asked, answered = _differing(asked + forced, head)
    if end_asked and (without_thoughts(end_asked).strip() or without_thoughts(answered).strip()):
        raise unusable(tokenizer, _NO_PREFIX)
    opened = _left_open(asked.removeprefix(bare) if asked.startswith(bare) else end_asked)
    lead, answered = ("", answered) if end_asked else (answered, answered)
    if opened and _left_open(opened + lead):
        lead += _closing(tokenizer, opened)
    end, end_token = _end_of_turn(tokenizer, tail)
    return ChatFormat(template, forced, end_asked, answered, lead, opened, tail, end, end_token)


def stop_tokens(form: ChatFormat, folder: str) -> frozenset[int]:
    """Tokens that end an answer: the template's end of turn, and `ends_of_text`."""
    return ends_of_text(form.tokenizer, folder) | {form.end_token}


def ends_of_text(tokenizer: Any, folder: str) -> frozenset[int]:
    """The tokenizer's end of sequence, and the ends that the settings of a model name. `folder` is that of the whole
    model, not of an adapter.

    A number that is an ordinary piece of text is none of them: settings that nobody made say 2.
    """
    listed: Any = None
    for name in ("generation_config.json", "config.json"):
        path = os.path.join(folder, name)
        if listed is None and os.path.isfile(path):
            listed = read_json(path).get("eos_token_id")
    named = listed if isinstance(listed, list) else [listed]
    marks = tokenizer.added_tokens_decoder
    ends = {number for number in named if isinstance(number, int) and number in marks}
    return frozenset((ends | {tokenizer.eos_token_id}) - {None})


def _forced(bare: str, asked: str, head: str) -> str:
    """What a template that knows no generation prompt writes before an answer: a student should not have to."""
    rest = head.removeprefix(asked) if asked == bare and head.startswith(asked) else ""
    return rest if without_thoughts(rest).strip() else ""


def _differing(asked: str, head: str) -> tuple[str, str]:
    """The ends of both, from where they differ."""
    equal = takewhile(lambda pair: pair[0] == pair[1], zip(asked, head, strict=False))
    common = sum(1 for _ in equal)
    return asked[common:], head[common:]


def _left_open(text: str) -> str:
    """The end of `text`, from where thoughts begin that do not end; empty where there are none."""
    spans = thought_spans(f"{text}.")
    return text[spans[-1][0] :] if spans and spans[-1][1] == len(text) + 1 else ""


def _closing(tokenizer: Any, opened: str) -> str:
    """The end of thoughts that say nothing: an empty line, the closing tag and another empty line, as Qwen3's."""
    tag = _OPENING.search(opened)
    if tag is None:
        raise unusable(tokenizer, f"begins thoughts with {opened!r}, whose end is not known")
    close = f"</{tag['name']}>" if tag["left"] == "<" else f"[/{tag['name']}]"
    return ("\n" if opened.endswith("\n") else "\n\n") + f"{close}\n\n"


def _end_of_turn(tokenizer: Any, tail: str) -> tuple[str, int]:
    """The first token behind an answer that is no piece of text; where there is none, the end of sequence, which the
    template does not write.
    """
    marks: Mapping[int, Any] = tokenizer.added_tokens_decoder
    for token in token_ids(tokenizer, [tail])[0] if tail else ():
        if token in marks and marks[token].content.strip() and marks[token].content in tail:
            return str(marks[token].content), token
    if tokenizer.eos_token_id is None:
        raise unusable(tokenizer, "ends no turn with a token, and its tokenizer has no eos_token: no answer would end")
    return "", int(tokenizer.eos_token_id)


def _assistant(text: str) -> Message:
    return Message(role="assistant", content=text)
