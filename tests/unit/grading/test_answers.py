"""Final answers: what is extracted, and when two are equal."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from skillray.grading.answers import Verdict, extract_answer, grade_answer, quick_verdict
from skillray.grading.numbers import MAX_ANSWER, as_number, as_text, is_rounded


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("3+4=7\n#### 7", "7"),
        ("#### 6\nno: \n#### 7 ", "7"),
        (r"so \boxed{\frac{1}{2}} and \boxed{\sqrt{2}}.", r"\frac{1}{2}, \sqrt{2}"),
        (r"\boxed{12}" + "\n#### 13", "12"),
        ("She sells 9.\nA: 18", "18"),
        ("**Answer:** 18", "18"),
        ("The answer is $18$. I hope it is correct.", "18"),
        ("The final answer is: 2.5.", "2.5"),
        (r"\boxed{never closed", None),
        ("#### ", None),
        ("a line: 18", None),
        (r"\boxed{\frac{12}{5,\!525}}", r"\frac{12}{5525}"),
        (r"#### 5,\! 866,\!608", "5866608"),
        (r"\boxed{(1,\!2)}", r"(1,\!2)"),
        ("", None),
    ],
)
def test_the_marked_answer(response: str, answer: str | None) -> None:
    assert extract_answer(response) == answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.50", Fraction(2469, 2)),
        ("$1,000", 1000),
        (r"\$5", 5),
        ("-$3", -3),
        ("50%", 50),
        ("18.00", 18),
        ("18.", 18),
        (".5", Fraction(1, 2)),
        ("-3/4", Fraction(-3, 4)),
        (r"-\frac{3}{4}", Fraction(-3, 4)),
        (r"-\frac{-3}{4}", Fraction(3, 4)),
        ("1/0", None),
        (r"\frac{1}{0}", None),
        ("1,23", None),
        ("1 1/2", Fraction(3, 2)),
        ("12 1/2", Fraction(25, 2)),
        ("-2 3/4", Fraction(-11, 4)),
        (r"1\frac{1}{2}", Fraction(3, 2)),
        (r"1\ \tfrac12", Fraction(3, 2)),
        ("1½", Fraction(3, 2)),
        ("½", Fraction(1, 2)),
        ("1 and 1/2", Fraction(3, 2)),
        ("1.5e6", 1500000),
        ("1e+16", 10**16),
        ("1e-05", Fraction(1, 10**5)),
        (r"1.5\times 10^{6}", 1500000),
        ("1.5 x 10^6", 1500000),
        ("1.5*10**6", 1500000),
        ("1.5·10⁶", 1500000),
        ("10^{-5}", Fraction(1, 10**5)),
        (r"0.\overline{3}", Fraction(1, 3)),
        (r"1\,234", 1234),
        ("10{,}000", 10000),
        ("12 345", 12345),
        ("–5", -5),
        ("−5", -5),
        ("１２", 12),
        ("2 million", 2000000),
        ("1e999999999", None),
        ("2x", None),
        ("9" * (MAX_ANSWER + 1), None),
    ],
)
def test_plain_numbers_are_exact(text: str, value: Fraction | None) -> None:
    assert as_number(text) == value


@pytest.mark.parametrize(
    ("response", "reference", "verdict"),
    [
        ("#### 18", "18", Verdict.CORRECT),
        ("#### 18.0", "18", Verdict.CORRECT),
        ("#### 17", "18", Verdict.WRONG),
        ("#### .25", r"\frac14", Verdict.CORRECT),
        ("#### .25", r"\frac{1}{4}", Verdict.CORRECT),
        ("#### 0.3333333", "1/3", Verdict.CORRECT),  # 1/3 in full cannot be written
        ("#### 0.33333", "1/3", Verdict.WRONG),  # under six digits
        ("#### 0.1234567", "0.1234568", Verdict.WRONG),
        ("#### 0.3", "1/3", Verdict.WRONG),
        ("#### 50%", "50", Verdict.CORRECT),
        ("#### 50%", "0.5", None),
        ("#### (1,2)", "(1, 2)", Verdict.CORRECT),
        ("#### " + "x" * (MAX_ANSWER + 1), "x", Verdict.TOO_LONG),
        ("I do not know", "18", Verdict.NO_ANSWER),
        ("", "18", Verdict.NO_ANSWER),
        ("16-3=13, so 13 are left", "13", Verdict.CORRECT),
        ("so 12 or 13", "12", Verdict.WRONG),
        ("it is **18**", "18", Verdict.CORRECT),
        ("it is 2**3", "3", None),
        (r"it is \frac{1}{2}", "2", Verdict.WRONG),
    ],
)
def test_exact_comparison_needs_no_sympy(response: str, reference: str, verdict: Verdict | None) -> None:
    assert quick_verdict(response, reference) is verdict


@pytest.mark.parametrize(
    ("response", "reference", "verdict"),
    [
        ("#### 3+2x", "2x+3", Verdict.CORRECT),
        ("#### 3+3x", "2x+3", Verdict.WRONG),
        (r"A: 2\sqrt{3}", r"\sqrt{12}", Verdict.CORRECT),
        ("#### 18 dollars", "18", Verdict.CORRECT),
        ("#### 50%", "0.5", Verdict.CORRECT),
        ("it is 2**3", "8", Verdict.CORRECT),
        ("so \\( x = 6 \\)", "6", Verdict.CORRECT),
        ("#### 1<x<7.5", "(1,7.5)", Verdict.CORRECT),
    ],
)
def test_formulas_decide_the_rest(response: str, reference: str, verdict: Verdict) -> None:
    assert quick_verdict(response, reference) is None
    assert grade_answer(response, reference) is verdict


def test_a_formula_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "made"
    code = f"__import__('pathlib').Path('{target}').touch()"
    for response in (f"#### {code}", rf"\boxed{{{code}}}", f"the answer is {code}", f"${code}$"):
        assert grade_answer(response, "7") is not Verdict.CORRECT
    assert not target.exists()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        ("1e5 people", "1e5 people"),
        (18, "18"),
        (2**70, "1180591620717411303424"),
        (18.0, "18"),
        (0.5, "0.5"),
        (1e16, "10000000000000000"),
        (1e-05, "0.00001"),
        (2.5e-07, "0.00000025"),
        (-1.5e20, "-150000000000000000000"),
        (0.0, "0"),
    ],
)
def test_a_number_of_a_table_is_written_in_full(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_double_with_more_digits_than_it_holds_is_told() -> None:
    assert is_rounded(9007199254740993.0) and is_rounded(float(2**60))
    assert not any(
        map(is_rounded, (1e16, 1.5e20, 9007199254740991.0, 0.1, 2**60, "9007199254740993", None, float("nan")))
    )
