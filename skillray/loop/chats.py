"""Students' chat templates before Ray starts: really rendered, in the words of the config, and tokenised.

Models that would have to be downloaded are left to the run: there, whatever answers first refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.chat.render import ANSWER, ChatFormat, ends_of_text, open_format
from skillray.chat.template import QUESTION
from skillray.config.model import RunConfig
from skillray.errors import ConfigError, DataError
from skillray.training.checkpoint import base_of, is_adapter, load_tokenizer, resolve_model
from skillray.training.model_folder import folder_here, room_of
from skillray.training.rehearsal import quiet

MAX_TOKENIZED = 50
"""Questions whose tokens are counted: the longest by bytes."""
HEADS = ("lm_head", "embed_out", "embed_tokens", "wte")
"""Names of heads, and of embeddings that may be tied to one."""


@dataclass(frozen=True)
class _Asked:
    """A student that is on this machine, as it is asked."""

    place: int
    model: str
    whole: str | None
    """The folder of the whole model; None for an adapter whose base is not here."""
    form: ChatFormat


def rehearse_chats(config: RunConfig) -> None:
    """Refuse a template that cannot be used with its student's prompt.

    Raises:
        ConfigError: one line with the template's fault and a way out.
    """
    for student in _asked(config, with_sets=True):
        student.form.encode([(QUESTION, ANSWER)])


def refuse_long_prompts(config: RunConfig, questions: Iterable[Any]) -> None:
    """Refuse questions (pyarrow's texts or Python's) that do not fit a student's model.

    Raises:
        DataError: one fills the model's room in the words of its prompt.
        ConfigError: one leaves less room than an answer may take.
    """
    longest = sorted((str(question) for question in questions), key=lambda text: len(text.encode()))[-MAX_TOKENIZED:]
    for student in _asked(config) if longest else ():
        if student.model == "embedded" or student.whole is None:
            continue
        if (room := room_of(student.whole, f"model {student.model}")) is not None:
            _check_room(student, longest, room, config.rollout.max_new_tokens)


def _check_room(student: _Asked, questions: Sequence[str], room: int, answer: int) -> None:
    counts = [len(ids) for ids in student.form.prompt_ids(questions)]
    where = f"students.{student.place}.model: model {student.model} has room for {room} tokens"
    if (most := max(counts)) >= room:
        question = questions[counts.index(most)][:40]
        raise DataError(f"{where}, and the question {question!r}... has {most} with its prompt; leave it out")
    if most + answer > room:
        raise ConfigError(
            f"{where}, the longest question has {most} with its prompt, and rollout.max_new_tokens is {answer}; lower "
            f"it to {room - most}"
        )


def chat_notes(config: RunConfig) -> list[str]:
    """Ends of turns that adapters may never learn to write, a line for each model."""
    lora = config.training.lora
    if lora is None or any(name.endswith(HEADS) for name in lora.target_modules):
        return []
    notes: dict[str, None] = {}
    for student in _asked(config):
        form = student.form
        if form.end and student.whole is not None and form.end_token not in ends_of_text(form.tokenizer, student.whole):
            notes[
                f"{student.model} ends a turn with {form.end}, which neither its tokenizer nor its settings end a text "
                "with: if it was never trained to, an adapter without the head may not learn it; then add lm_head to "
                "training.lora.target_modules, or leave out training.lora"
            ] = None
    return list(notes)


def _asked(config: RunConfig, with_sets: bool = False) -> Iterator[_Asked]:
    """Every model and prompt once, `with_sets` those of `evaluation.sets` too; not the embedded student, our own, where
    it is asked the question alone.
    """
    done: list[tuple[str, StudentPrompt]] = []
    of_sets = [one.prompt for one in config.evaluation.sets if one.prompt is not None] if with_sets else []
    for place, student in enumerate(config.students):
        for prompt in (config.prompt_of(student), *of_sets):
            key, is_ours = (student.model, prompt), student.model == "embedded"
            if key in done or (is_ours and prompt == BARE):
                continue
            done.append(key)
            folder = resolve_model(student.model) if is_ours else folder_here(student.model)
            if folder is None:
                continue
            whole = folder_here(base_of(folder)) if is_adapter(folder) else folder
            try:
                with quiet():
                    tokenizer = load_tokenizer(folder)
            except DataError as error:
                raise DataError(f"students.{place}.model: {error}") from None
            yield _Asked(place, student.model, whole, open_format(tokenizer, prompt))
