"""Process reward models on tiny random ones of the same architectures: one pass a response gives what their authors'
code gives (tests/unit/grading/reward_models.py), which encodes the growing text again for every step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillray.errors import ConfigError, DataError
from skillray.grading.prm import ChatPrm, Prm, TagPrm, TokenPrm, batches, encode, unnumbered
from skillray.grading.prm_model import PrmModel
from skillray.loop.prm import open_prm
from skillray.training.model_folder import check_single_tokens
from tests.unit.grading.reward_models import (
    LLAMA_MARKS,
    LLAMA_TEMPLATE,
    REFERENCES,
    SEPARATOR,
    bytes_tokenizer,
    pieces_tokenizer,
    save_reward_models,
)

ITEMS = [
    ("What is 2+3?", ("2+3=5", "#### 5")),
    ("What is 7*8, and then minus 6?", ("7*8=56 - a step", "56-6=50", "#### 50", "The answer is: $\\boxed{50}$.")),
    ("q", ("a",)),
    ("nothing was written", ()),
    ("What is 9-4?", ("nine minus four, that is 9-4", "=5")),
]
KINDS: dict[str, type[ChatPrm | TagPrm | TokenPrm]] = {"chat_prm": ChatPrm, "tag_prm": TagPrm, "token_prm": TokenPrm}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return save_reward_models(tmp_path_factory.mktemp("prm"))


@pytest.fixture(scope="module", params=KINDS)
def prm(request: pytest.FixtureRequest, folders: dict[str, str]) -> PrmModel:
    return open_prm(KINDS[request.param](model=folders[request.param], dtype="fp32"), "cpu")


def with_settings(prm: PrmModel, settings: Prm) -> PrmModel:
    return PrmModel(settings, prm.tokenizer, prm.body, prm.head, prm.max_length)


def test_what_is_looked_at_before_a_run_lets_the_right_tokenizers_through(folders: dict[str, str]) -> None:
    for kind, marks in {"chat_prm": "+-", "tag_prm": ["+", "-", "ки"], "token_prm": [SEPARATOR]}.items():
        check_single_tokens(folders[kind], marks, kind)
    with pytest.raises(DataError, match="chat_prm: 'ки' is no single token of its tokenizer"):
        check_single_tokens(folders["chat_prm"], ["+", "ки"], "chat_prm")


def test_one_pass_gives_what_the_authors_code_gives(prm: PrmModel) -> None:
    reference = REFERENCES[prm.settings.type]
    scores = prm.score(ITEMS)
    for (question, steps), found in zip(ITEMS, scores, strict=True):
        assert found == pytest.approx(reference(prm.settings.model, question, steps), abs=1e-5)
    every = [score for found in scores for score in found]
    assert len(every) == 9 and max(every) - min(every) > 0.01  # a thousand times the tolerance


def test_neither_batches_nor_order_change_a_score(prm: PrmModel) -> None:
    alone = [prm.score([item])[0] for item in ITEMS]
    assert prm.score(ITEMS[::-1]) == [pytest.approx(found, abs=1e-5) for found in alone[::-1]]
    small = with_settings(prm, prm.settings.model_copy(update={"max_batch_tokens": 1}))
    assert small.score(ITEMS) == [pytest.approx(found, abs=1e-5) for found in alone]


def test_what_cannot_be_scored_is_said_and_costs_nobody_else(prm: PrmModel) -> None:
    long, other = prm.score([("q", ("x" * 600,)), ITEMS[0]])
    assert isinstance(long, str) and "the reward model reads 500" in long
    assert other == pytest.approx(prm.score([ITEMS[0]])[0], abs=1e-5)


def test_a_student_cannot_write_turns_or_marks_of_its_own(prm: PrmModel) -> None:
    marks = {"chat_prm": "<|eot_id|>", "tag_prm": "ки", "token_prm": SEPARATOR}
    mark = marks[prm.settings.type]
    [forged] = prm.score([("q", (f"a {mark} b", "c"))])
    assert isinstance(forged, str) and (mark in forged or "the mark" in forged)


def test_a_model_of_another_kind_is_one_line(folders: dict[str, str]) -> None:
    with pytest.raises(DataError, match=r"no head with two classes a token") as raised:
        open_prm(TokenPrm(model=folders["chat_prm"], separator="<|eot_id|>", dtype="fp32"), "cpu")
    assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="is no single token"):
        encode(TagPrm(model="m", tag="two tokens"), pieces_tokenizer(), "q", ["a"])
    with pytest.raises(ConfigError, match="is no single token"):  # before any weight is read
        open_prm(TagPrm(model=folders["chat_prm"], tag="two tokens"), "cpu")
    with pytest.raises(ConfigError, match="no chat template"):
        encode(ChatPrm(model="m"), chatting(None), "q", ["a"])


def chatting(template: str | None, texts: tuple[str, ...] = ("\n\n\n\n",)) -> Any:
    return bytes_tokenizer(LLAMA_MARKS, template, texts)


PLAIN = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}\n{% endfor %}[assistant]"
"""Without any control token; a prompt at the end in any case."""


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}", ()),  # no turn of the judge
        (LLAMA_TEMPLATE.replace("content'] | trim", "content'] | upper"), ("\n+\n+\n+",)),  # newline and + are a token
        (PLAIN, ("]+]+]+",)),
        ("{{ messages | length }}" + LLAMA_TEMPLATE, ()),  # a prefix begins otherwise than the whole
    ],
)
def test_a_template_that_tells_prefixes_otherwise_is_refused(template: str, texts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"writes no '\+' turn"):
        encode(ChatPrm(model="m"), chatting(template, texts), "q", ["a", "b"])


def naive_prefixes(tokenizer: Any, question: str, steps: list[str]) -> list[list[int]]:
    """The conversation up to each step, rendered and tokenised on its own."""
    chat, found = [], []
    for number, step in enumerate(steps):
        chat.append({"role": "user", "content": f"{question} {step}" if number == 0 else step})
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        found.append(tokenizer(text, add_special_tokens=False)["input_ids"])
        chat.append({"role": "assistant", "content": "+"})
    return found


PLAIN_PREFIXES = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
TEXT = st.text(st.sampled_from("ab +-\n\nй😀<|eot_id|>"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(TEXT, st.lists(TEXT, min_size=1, max_size=4), st.sampled_from([LLAMA_TEMPLATE, PLAIN_PREFIXES]))
def test_places_are_the_ends_of_the_prefixes_that_the_naive_way_encodes(
    question: str, steps: list[str], template: str
) -> None:
    tokenizer = TOKENIZERS[template]
    try:
        encoded = encode(ChatPrm(model="m"), tokenizer, question, steps)
    except ConfigError:
        assert template is PLAIN_PREFIXES  # a step that changes how the text around it is cut
        return
    for place, prefix in zip(encoded.places, naive_prefixes(tokenizer, question, steps), strict=True):
        assert list(encoded.ids[: place + 1]) == prefix


TOKENIZERS = {template: chatting(template, ("\n\n\n\n ab ab ++ +a",)) for template in (LLAMA_TEMPLATE, PLAIN_PREFIXES)}


def test_a_long_response_costs_in_proportion_to_its_length() -> None:
    """Characters that are tokenised: of the whole once, and a few for each step."""
    tokenizer, told = TOKENIZERS[LLAMA_TEMPLATE], list[int]()

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

        def __call__(self, text: str, **more: Any) -> Any:
            told.append(len(text))
            return tokenizer(text, **more)

    for count in (20, 40):
        encode(ChatPrm(model="m"), Counting(), "q", ["x" * 100] * count)
    assert sum(told[len(told) // 3 + 1 :]) < 3 * sum(told[: len(told) // 3 + 1])
    assert sum(told) < 2 * 60 * (100 + len(LLAMA_TEMPLATE))


def test_a_revision_is_a_part_of_the_name(folders: dict[str, str]) -> None:
    assert ChatPrm(model="org/model").source == "org/model"
    assert ChatPrm(model="org/model", revision="v1").source == "org/model@v1"
    assert Path(ChatPrm(model=folders["chat_prm"]).model).is_absolute()


@given(st.lists(st.integers(1, 50)), st.integers(1, 120))
def test_batches_hold_everything_once_and_what_fits(lengths: list[int], limit: int) -> None:
    groups = batches(lengths, limit)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[index] for index in group) <= limit


@pytest.mark.parametrize(
    ("step", "bare"),
    [
        ("Step 1: 2 + 3 = 5", "2 + 3 = 5"),
        ("### Step 2. Add.", "Add."),
        ("**Step 3:** Add.", "Add."),
        ("**Step 3**: Add.", "Add."),
        ("step 4) Add.", "Add."),
        ("Step 5 - Add.", "Add."),
        ("Step 1:", "Step 1:"),  # nothing would be left
        ("Steps 1 to 3 are done.", "Steps 1 to 3 are done."),
        ("Step 1 gives 5.", "Step 1 gives 5."),
        ("Add. Step 2: no.", "Add. Step 2: no."),
    ],
)
def test_a_step_has_one_number(step: str, bare: str) -> None:
    assert unnumbered(step) == bare
