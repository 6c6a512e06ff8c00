r"""Where thoughts are, in the notations of the models that write them: 2 + 3, with a wrong box in the thoughts."""

from __future__ import annotations

import pytest

from skillray.thoughts import blank_thoughts, thought_spans, without_thoughts

HM = r"Hm, maybe \boxed{7}? No."
REPLY = r"2 + 3 = 5, so \boxed{5}."
HARMONY = f"<|channel|>analysis<|message|>{HM}<|end|><|start|>assistant<|channel|>final<|message|>{REPLY}"
NOTATIONS = {
    "deepseek": f"<think>\n{HM}\n</think>\n\n{REPLY}",
    "no beginning: the template wrote it": f"{HM}\n</think>\n{REPLY}",
    "capitals": f"<THINK>{HM}</THINK>{REPLY}",
    "spaces": f"< think >{HM}</ think >{REPLY}",
    "attributes": f'<think signature="ab" n=2>{HM}</think>{REPLY}',
    "escaped": f"&lt;think&gt;{HM}&lt;/think&gt;{REPLY}",
    "thinking": f"<thinking>{HM}</thinking>\n{REPLY}",
    "reasoning": f"<reasoning>\n{HM}\n</reasoning>\n{REPLY}",
    "thought": f"<thought>{HM}</thought>{REPLY}",
    "analysis": f"<analysis>{HM}</analysis>{REPLY}",
    "seed-oss": f"<seed:think>{HM}</seed:think>{REPLY}",
    "magistral": f"[THINK]{HM}[/THINK]{REPLY}",
    "kimi": f"◁think▷{HM}◁/think▷{REPLY}",
    "cohere": f"<|START_THINKING|>{HM}<|END_THINKING|>{REPLY}",
    "sky-t1": f"<|begin_of_thought|>\n{HM}\n<|end_of_thought|>\n{REPLY}",
    "open-webui": f'<details type="reasoning" done="true"><summary>4 s</summary>{HM}</details>\n{REPLY}',
    "granite": f"Here is my thought process:\n{HM}\nHere is my response:\n{REPLY}",
    "gpt-oss": HARMONY,
    "gpt-oss, with its end": HARMONY + "<|return|>",
    "gpt-oss, the header in the prompt": HARMONY.removeprefix("<|channel|>analysis<|message|>"),
    "gpt-oss, commentary": HARMONY.replace(
        "<|end|>", "<|end|><|start|>assistant<|channel|>commentary<|message|>?<|end|>"
    ),
    "gpt-oss, special tokens not decoded": f"analysis{HM}assistantfinal{REPLY}",
    "twice": f"<think>{HM}</think><think>{HM}</think>{REPLY}",
    "nested": f"<think>{HM}<think>{HM}</think>{HM}</think>{REPLY}",
    "other names": f"<thinking>{HM}<reflection>{HM}</reflection>{HM}</thinking>{REPLY}",
}


@pytest.mark.parametrize("text", NOTATIONS.values(), ids=NOTATIONS.keys())
def test_only_the_reply_is_left(text: str) -> None:
    assert without_thoughts(text) == REPLY
    blank = blank_thoughts(text)
    assert len(blank) == len(text) and blank.strip() == REPLY
    assert blank.index(REPLY) == text.index(REPLY)


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\n{HM}",
        f"[THINK]{HM}",
        f"<|channel|>analysis<|message|>{HM}",
        f"<|channel|>analysis<|message|>{HM}<|end|>",
        f"Here is my thought process: {HM}",
        f"analysis{HM}",
    ],
)
def test_thoughts_that_never_end_leave_no_reply(text: str) -> None:
    assert without_thoughts(text) == "" and not blank_thoughts(text).strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        REPLY,
        "I think 5. Analysis: 1 < 2 and 3 > 2, for the reason above",
        "<answer>5</answer>",
        "<details><summary>Steps</summary>2 + 3</details> 5",
        "analysis of the sum gives 5",
        r"\[x\] and [1, 2]",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert thought_spans(text) == [] and without_thoughts(text) == blank_thoughts(text) == text


def test_thoughts_between_two_parts_of_a_reply() -> None:
    assert without_thoughts("2 + 3 <think>hm</think>= 5") == "2 + 3 = 5"
    assert thought_spans("2 + 3 <think>hm</think>= 5") == [(6, 23)]
