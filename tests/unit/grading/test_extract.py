r"""Where the final answer of a response is: boxes before labels before phrases, and headings are none."""

from __future__ import annotations

import pytest

from skillray.grading.answers import Verdict, grade_answer
from skillray.grading.extract import answer_span, extract_answer, read_answers, split_hashes, stated_answer

HEADINGS = {
    "heading, then box": ("#### Step 1: add\n2+3=5\n#### Step 2: conclude\nSo \\boxed{5}.", "5"),
    "heading after the box": ("So \\boxed{5}.\n\n#### Check\n2+3=5", "5"),
    "bold heading": ("#### **Conclusion**\nSo \\boxed{5}.", "5"),
    "numbered heading": ("#### 1. Add\n2+3\n#### 2. Conclude\n\\boxed{5}", "5"),
    "five hashes": ("##### Step\n\\boxed{5}", "5"),
    "three hashes": ("### Step 1\n\\boxed{5}", "5"),
    "heading, then 'Answer:'": ("#### Sum\n2+3=5\nAnswer: 5", "5"),
    "heading, then a sentence": ("#### Conclusion\nThe answer is 5.", "5"),
    "heading, then a sentence, after a heading with a digit": ("#### Step 2: Solve\nThe answer is 5.", "5"),
    "heading 'Final Answer', the answer below": ("#### Sum\n2+3=5\n#### Final Answer\n5", "5"),
    "heading 'Final Answer:' with the answer": ("#### Final Answer: 5", "5"),
    "bold heading, the answer below": ("**Final Answer**\n\n$5$", "5"),
    "the answer below in display math": ("### Final Answer\n\\[\n5\n\\]", "5"),
    "cut off at a heading": ("2+3=5\n#### Step 3: Check", None),
    "a plain mark": ("2+3=5\n#### 5", "5"),
    "a plain mark, then a remark": ("#### 5\nI hope this helps.", "5"),
    "a text as the mark": ("It is the day after.\n#### Monday", "Monday"),
    "the mark is bold": ("#### **5**", "5"),
    "the later mark": ("#### 6\nno: \n#### 5 ", "5"),
    "a box and a mark": ("\\boxed{12}\n#### 13", "12"),
}
BOXES = {
    "space before the brace": ("so \\boxed {5}", "5"),
    "no brace": ("Thus $\\boxed 5$.", "5"),
    "no brace, several digits": ("Thus $\\boxed 12$.", "12"),
    "no brace, a fraction": ("Thus $\\boxed\\frac12$.", "\\frac12"),
    "no brace, in text": ("so \\boxed 5 apples", "5"),
    "fbox": ("so \\fbox{5}", "5"),
    "framebox": ("so \\framebox{5}", "5"),
    "framebox with a width": ("so \\framebox[3cm][c]{5}", "5"),
    "colorbox": ("so \\fcolorbox{red}{white}{5}", "5"),
    "a box in a box": ("\\boxed{\\boxed{5}}", "5"),
    "GLM's box": ("<|begin_of_box|>5<|end_of_box|>", "5"),
    "a later spelling": ("First \\boxed{4}. No: \\boxed {5}", "5"),
    "lone brace": ("\\boxed{x \\text{ with } \\{ }", "x \\text{ with } \\{"),
    "a set": ("\\boxed{\\{1,2\\}}", "\\{1,2\\}"),
    "several lines": (
        "\\boxed{\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}}",
        "\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}",
    ),
    "never closed": ("\\boxed{never closed", None),
    "never closed after another": ("\\boxed{4}. No: \\boxed{5", None),
    "empty": ("Put it in \\boxed{}: \\boxed{5}, not in \\boxed{}", "5"),
    "or": ("$x=\\boxed{1}$ or $x=\\boxed{2}$", "1, 2"),
    "and": ("The numbers are \\boxed{1} and \\boxed{2}.", "1, 2"),
    "comma": ("$\\boxed{1}, \\boxed{2}$, and $\\boxed{3}$", "1, 2, 3"),
    "text": ("\\[\\boxed{1} \\text{ and } \\boxed{2}\\]", "1, 2"),
    "not joined": ("First \\boxed{1}. Then we get \\boxed{2}.", "2"),
    "the same twice": ("\\boxed{5}, \\boxed{5}", "5"),
}
MARKS = {
    "element": ("<answer>5</answer>", "5"),
    "element with a formula": ("<answer> \\frac12 </answer>", "\\frac12"),
    "element with a box": ("<think>\\boxed{4}</think><answer>It is \\boxed{5}.</answer>", "5"),
    "letter label": ("She sells 9.\nA: 18", "18"),
    "bold label": ("**Answer:** 18", "18"),
    "bold label, another way": ("**Answer**: 18", "18"),
    "below the label": ("Answer:\n\n18", "18"),
    "phrase": ("The answer is $18$. I hope it is correct.", "18"),
    "phrase with a colon": ("The final answer is: 2.5.", "2.5"),
    "phrase with a reason": ("The answer is 18 because 9+9=18.", "18"),
    "option": ("The correct option is A.", "A"),
    "choice": ("So the correct answer is (B).", "(B)"),
    "options are no label": ("A: 18\nB: 19", None),
    "Chinese": ("答案：5", "5"),
    "Chinese, a sentence": ("所以，答案是 5。", "5"),
    "Chinese, in full": ("因此，最终答案为：$5$。", "5"),
    "Chinese, a choice": ("故选：B．", "B"),
    "Japanese": ("答えは5です。", "5"),
    "Japanese label": ("答え：5", "5"),
    "Korean": ("정답: 5", "5"),
    "Korean, a sentence": ("따라서 정답은 5입니다.", "5"),
    "German": ("Antwort: 5", "5"),
    "German, a sentence": ("Die Antwort lautet 5.", "5"),
    "French": ("Réponse : 5", "5"),
    "French, a sentence": ("Donc la réponse est 5.", "5"),
    "Spanish": ("Respuesta: 5", "5"),
    "Spanish, a sentence": ("La respuesta final es 5.", "5"),
    "Italian": ("La risposta è 5.", "5"),
    "Portuguese": ("A resposta é 5.", "5"),
    "Russian": ("Ответ: 5", "5"),
    "Russian, lower case": ("ответ: $5$.", "5"),
    "Dutch": ("Het antwoord is 5.", "5"),
    "Polish": ("Odpowiedź: 5", "5"),
    "Turkish": ("Cevap: 5", "5"),
    "Vietnamese": ("Đáp án: 5", "5"),
    "Indonesian": ("Jawaban: 5", "5"),
    "Arabic": ("الجواب: 5", "5"),
    "no mark": ("a line: 18", None),
    "no answer behind the hashes": ("#### ", None),
    "a solution behind the label": ("Answer: we first add both of the numbers that we were told", None),
    "an empty box behind a phrase": ("so the answer is $\\boxed{}$.", None),
    "an empty box behind a label": ("**Answer:** \\boxed{ }", None),
    "an empty box behind hashes": ("#### $\\boxed{\\text{}}$", None),
    "an empty box in an element": ("<answer>\\boxed{}</answer>", None),
    "an empty formula": ("The answer is $$.", None),
    "the empty set": ("The answer is $\\{\\}$.", "\\{\\}"),
    "nothing": ("", None),
}
THOUGHTS = {
    "a mark in the thoughts": ("<think>\n#### 4\n</think>\nSo \\boxed{5}.", "5"),
    "a box in the thoughts": ("<think>\\boxed{4}</think>\nThe answer is 5.", "5"),
    "no beginning": ("Hm, \\boxed{4}?</think>\nThe answer is 5.", "5"),
    "other notation": ("[THINK]\\boxed{4}[/THINK] The answer is 5.", "5"),
    "never ended": ("<think>maybe \\boxed{4}", None),
    "long": ("<think>" + "\\boxed{4} " * 1000, None),
}
ALL = {**HEADINGS, **BOXES, **MARKS, **THOUGHTS}


@pytest.mark.parametrize(("response", "answer"), ALL.values(), ids=ALL.keys())
def test_the_marked_answer(response: str, answer: str | None) -> None:
    assert extract_answer(response) == answer
    span = answer_span(response)
    assert (span is None) == (answer is None)
    assert span is None or response[slice(*span)] == response[slice(*span)].strip() != ""


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("so \\( x = 6 \\)", "x = 6"),
        ("so $x = 6$ where $x$ is their number", "x = 6"),
        ("16-3=13, so 13 are left", "13"),
        ("it is **18**", "18"),
        ("It takes 1 1/2 hours", "1 1/2"),
        ("it is 2**3", "2**3"),
        ("it is \\frac{1}{2}", "\\frac{1}{2}"),
        ("that is 1.5e6", "1.5e6"),
        ("that is 1.5 x 10^6", "1.5 x 10^6"),
        ("so 1,234 of them.", "1,234"),
        ("so 12 or 13", "13"),
        ("It leaves at 5:30", None),
        ("no number here", None),
        ("\\boxed{5", None),
        ("<think>13", None),
    ],
)
def test_without_a_mark_the_last_formula_or_number_counts(response: str, answer: str | None) -> None:
    assert read_answers(response) == (() if answer is None else (answer,))


def test_of_several_boxes_all_and_the_last_one_count() -> None:
    response = "$a = \\boxed{-1}$ or $a = \\boxed{2}$"
    assert read_answers(response) == ("-1, 2", "2")
    assert grade_answer(response, "2, -1") is grade_answer(response, "2") is Verdict.CORRECT
    assert grade_answer(response, "-1") is Verdict.WRONG


def test_a_box_long_before_the_end_is_still_the_answer() -> None:
    assert extract_answer("\\boxed{5}" + " and so on" * 2000) == "5"


def test_the_mark_of_a_solution_is_no_phrase() -> None:
    assert stated_answer("#### Step 1\n2+3\n\nSo \\boxed{5}.") == "5"
    assert stated_answer("2+3=5\n#### 5") == "5"
    assert stated_answer("$\\boxed{1}$ or $\\boxed{2}$") == "2"  # as MATH's authors read it
    assert stated_answer("The answer is clear.") is stated_answer("#### Step 1\n2+3=5") is None


def test_gsm8k_keeps_solution_and_answer_in_one_text() -> None:
    assert split_hashes("2+3=5\n#### 5") == ("2+3=5", "5")
    assert split_hashes("#### Step 1\n2+3=5\n#### 5") == ("#### Step 1\n2+3=5", "5")
    assert split_hashes("#### Step 1\n2+3=5") == ("#### Step 1\n2+3=5", "")
