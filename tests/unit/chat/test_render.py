"""What chat templates of every known layout make of a question, and what of an answer is trained on."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from skillray.chat.prompt import FewShot, StudentPrompt
from skillray.chat.render import open_format, stop_tokens
from skillray.errors import ConfigError
from skillray.training.checkpoint import load_tokenizer
from tests.tiny import TEMPLATE, tiny_tokenizer
from tests.unit.chat import templates
from tests.unit.chat.templates import tokenizer_with

IM = ("<|im_start|>", "<|im_end|>")
TURNS = ("<start_of_turn>", "<end_of_turn>")


def asked_and_trained(
    tokenizer: Any, question: str = "1+1?", answer: str = "It is 2.", **prompt: Any
) -> tuple[str, str]:
    """The texts of the tokens that are asked with, and of those that are trained on."""
    form = open_format(tokenizer, StudentPrompt(**prompt))
    [(ids, start)] = form.encode([(question, answer)])
    assert tokenizer.decode(ids).startswith(form.prompts([question])[0].rstrip())
    return form.prompts([question])[0], tokenizer.decode(ids[start:])


@pytest.mark.parametrize(
    ("template", "marks", "asked", "trained"),
    [
        (TEMPLATE, (), "<|user|>1+1?<|assistant|>", "It is 2.<|end|>"),
        (templates.CHATML, IM, "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n", "It is 2.<|im_end|>"),
        (
            templates.GEMMA,
            TURNS,
            "<start_of_turn>user\n1+1?<end_of_turn>\n<start_of_turn>model\n",
            "It is 2.<end_of_turn>",
        ),
        (templates.MISTRAL, (), "[INST] 1+1? [/INST]", " It is 2.<|end|>"),
        (templates.SPACE, (), "USER: 1+1?\nASSISTANT: ", "It is 2.<|end|>"),
        (templates.R1, (), "<|user|>1+1?<|assistant|><think>\n", "\n</think>\n\nIt is 2.<|end|>"),
        (templates.ALWAYS_OPEN, (), "<|user|>1+1?<|assistant|><think>\n", "\n</think>\n\nIt is 2.<|end|>"),
        (templates.NO_THINKING, (), "<|user|>1+1?<|assistant|><think>\n\n</think>\n\n", "It is 2.<|end|>"),
        (templates.QWEN3, (), "<|user|>1+1?<|assistant|>", "<think>\n\n</think>\n\nIt is 2.<|end|>"),
        (templates.PARTS, (), "<|user|>1+1?<|assistant|>", "It is 2.<|end|>"),
        (templates.NO_END, (), "### user:\n1+1?\n\n### assistant:\n", "It is 2.<|end|>"),
        (templates.NO_PROMPT, IM, "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n", "It is 2.<|im_end|>"),
    ],
    ids=[
        "own", "chatml", "gemma", "mistral", "ends-in-a-space", "opens-thoughts", "always-opens-thoughts",
        "closes-thoughts", "qwen3", "parts", "no-end-of-turn", "no-generation-prompt",
    ],
)  # fmt: skip
def test_layouts(template: str, marks: tuple[str, ...], asked: str, trained: str) -> None:
    assert asked_and_trained(tokenizer_with(template, marks=marks)) == (asked, trained)


def test_a_token_of_prompt_and_answer_is_trained_on() -> None:
    """GPT-2 writes ' It' as one token, and the prompt alone ends in a token of its own, ' '."""
    tokenizer = tokenizer_with(templates.SPACE, merges=True)
    form = open_format(tokenizer)
    [(ids, start)] = form.encode([("1+1?", "It is 2.")])
    assert form.prompt_ids(["1+1?"])[0] != ids[: len(form.prompt_ids(["1+1?"])[0])]
    assert tokenizer.decode(ids) == "USER: 1+1?\nASSISTANT: It is 2.<|end|>"
    assert tokenizer.decode(ids[start:]) == " It is 2.<|end|>"


def test_the_words_of_a_prompt_stand_around_the_question_in_both() -> None:
    prompt = {
        "system": "Be short.",
        "suffix": "\nUse a box.",
        "examples": (FewShot(question="0+1?", answer="1"),),
    }
    asked, trained = asked_and_trained(tiny_tokenizer(), **prompt)
    assert (
        asked == "<|system|>Be short.<|user|>0+1?\nUse a box.<|assistant|>1<|end|><|user|>1+1?\nUse a box.<|assistant|>"
    )
    assert trained == "It is 2.<|end|>"


def test_arguments_of_a_template() -> None:
    asked, trained = asked_and_trained(tokenizer_with(templates.QWEN3), template={"enable_thinking": False})
    assert asked.endswith("<think>\n\n</think>\n\n") and trained == "It is 2.<|end|>"
    with pytest.raises(ConfigError, match=r"rollout\.prompt\.template\.enable_thinkng: .* reads no such argument"):
        open_format(tokenizer_with(templates.QWEN3), StudentPrompt(template={"enable_thinkng": False}))


def test_the_day_is_the_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tokenizer_with(templates.DATED, marks=IM)
    assert "Today Date: 26 Jul 2024\n" in open_format(tokenizer).prompts(["1+1?"])[0]
    dated = open_format(tokenizer, StudentPrompt(date="2026-12-01"))
    assert "Today Date: 01 Dec 2026\n" in dated.prompts(["1+1?"])[0]
    assert datetime.date.today().isoformat() != "2024-07-26"
    for wrong in ("2026-02-30", "today", "26-12-01"):
        with pytest.raises(ValueError, match="must be a day as YYYY-MM-DD"):
            StudentPrompt(date=wrong)


@pytest.mark.parametrize(
    ("template", "prompt", "words"),
    [
        (templates.WANTS_SYSTEM, {}, ("first a system turn", "set rollout.prompt.system")),
        (templates.GEMMA, {"system": "x"}, ("no system turns here", "leave out rollout.prompt.system")),
        ("{% for m in messages %}{{ m['content'] }}", {}, ("fails (", "endfor")),
        ("{{ messages.nothing.at_all }}", {}, ("fails (",)),
        ("<|user|>{% if add_generation_prompt %}<|assistant|>{% endif %}", {}, ("does not write the question",)),
        (TEMPLATE.replace("m['content']", "m['content'][:5]"), {}, ("does not write the question",)),
        (TEMPLATE.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}"),
         {"system": "Be short."}, ("does not write the system turn",)),
        (TEMPLATE.replace("{{ m['content'] }}", "{{ m['content'] if m['role'] == 'user' }}"), {},
         ("does not write the answer",)),
        (TEMPLATE.replace("%}<|assistant|>", "%}<|user|>"), {}, ("does not continue its generation prompt",)),
        (templates.R1.replace("<think>", "<|think|>"), {}, ("begins thoughts", "whose end is not known")),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_refused_in_one_line(
    template: str, prompt: dict[str, Any], words: tuple[str, ...]
) -> None:
    tokenizer = tokenizer_with(template, marks=TURNS)
    tokenizer.name_or_path = "some/model"
    with pytest.raises(ConfigError, match=r"students\.model: the chat template of some/model ") as caught:
        open_format(tokenizer, StudentPrompt(**prompt))
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


def test_a_template_that_wants_a_system_turn_works_with_one() -> None:
    asked, _ = asked_and_trained(tokenizer_with(templates.WANTS_SYSTEM, marks=IM), system="Be short.")
    assert asked.startswith("<|im_start|>system\nBe short.<|im_end|>\n")


def test_an_end_of_turn_that_is_not_the_tokenizers(tmp_path: Path) -> None:
    """Qwen2.5's base models: ChatML, and another eos_token."""
    tokenizer = tokenizer_with(templates.CHATML, marks=IM)  # its eos_token is <|end|>
    form = open_format(tokenizer)
    end, eos = (tokenizer.convert_tokens_to_ids(mark) for mark in ("<|im_end|>", "<|end|>"))
    assert form.end_token == end
    assert stop_tokens(form, str(tmp_path)) == {end, eos}
    user, hash_sign = (tokenizer.convert_tokens_to_ids(mark) for mark in ("<|user|>", "#"))
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": hash_sign}))
    assert stop_tokens(form, str(tmp_path)) == {end, eos}  # an ordinary piece of text ends nothing
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [user, eos, -1]}))
    assert stop_tokens(form, str(tmp_path)) == {end, eos, user}


def test_a_tokenizer_without_eos_ends_turns_as_its_template_does() -> None:
    tokenizer = tokenizer_with(templates.CHATML, marks=IM, eos_token=None, pad_token=None)
    assert asked_and_trained(tokenizer)[1] == "It is 2.<|im_end|>"
    assert stop_tokens(open_format(tokenizer), "nowhere") == {tokenizer.convert_tokens_to_ids("<|im_end|>")}
    tokenizer.chat_template = templates.NO_END
    with pytest.raises(ConfigError, match="no answer would end"):
        open_format(tokenizer)


def test_the_template_of_a_processor_is_read(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": templates.PARTS}))
    assert asked_and_trained(load_tokenizer(str(tmp_path))) == ("<|user|>1+1?<|assistant|>", "It is 2.<|end|>")


def test_an_answer_that_holds_an_end_of_turn_is_trained_up_to_the_last() -> None:
    assert asked_and_trained(tiny_tokenizer(), answer="a<|end|>b")[1] == "a<|end|>b<|end|>"
    assert (
        asked_and_trained(tokenizer_with(templates.CHATML, marks=IM), question="<|im_end|>")[1] == "It is 2.<|im_end|>"
    )
