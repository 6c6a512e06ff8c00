r"""Which final answers are equal. Each table has a reason; each pair is compared both ways.

A wrong answer that counts as right is the worse fault, so the tables of different values are the longer ones, and
generated pairs are compared as well: several hundred a run, with the exact values beside.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skillray.grading.compare import equal, quick_equal

EQUAL = [
    ("\\frac{1}{2}", "0.5"),
    ("3+2x", "2x+3"),
    ("2\\sqrt{3}", "\\sqrt{12}"),
    ("18 dollars", "18"),
    ("50%", "0.5"),
    ("50%", "50"),
    ("2**3", "8"),
    ("1 1/2", "3/2"),
    ("1½", "1.5"),
    ("1<x<7.5", "(1,7.5)"),
    ("–5", "-5"),
    ("10 km/h", "10"),
    ("m^2 5", "m^2 5"),
    ("5 m^2", "5"),
    ("5 m/s^2", "5"),
    ("\\sqrt{1/m}", "\\frac{1}{\\sqrt{m}}"),
    ("\\textbf{(A)}\\ 42", "A"),
    ("A: 42 cm", "A"),
    ("A) 42", "A"),
    ("\\text{E: a score}", "E"),
    ("Option A", "A"),
    ("(A)", "A"),
    ("A. 42", "A"),
    ("1.5e6", "1500000"),
    ("6.02e23", "6.02\\times 10^{23}"),
    ("2e3", "2000"),
    ("1.5 x 10^6", "1500000"),
    ("10000000000000000", "1e+16"),
    ("0.00001", "1e-05"),
    ("x=1, x=2", "1,2"),
    ("1, 2", "\\{1,2\\}"),
    ("2,1", "1,2"),
    ("1 \\text{ and } 2", "1,2"),
    ("x=5", "5"),
    ("x \\in [1,2]", "[1,2]"),
    ("\\{5\\}", "5"),
    ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}"),
    ("\\begin{bmatrix}1/2&0\\end{bmatrix}", "\\begin{pmatrix} \\frac12 & 0\\end{pmatrix}"),
    ("3\\pm\\sqrt{2}", "3+\\sqrt{2},3-\\sqrt2"),
    ("(x+1)(x-2)", "x^2-x-2"),
    ("x(x-1)", "x^2-x"),
    ("y = 2x+3", "2x+3"),
    ("2x+3=y", "y=2x+3"),
    ("x-2z=0", "2x=4z"),
    ("30^\\circ", "30"),
    ("30^{\\circ}", "30 \\text{ degrees}"),
    ("5^\\circ30'", "5.5^\\circ"),
    ("\\cos 60^\\circ", "\\frac12"),
    ("1,234", "1234"),
    ("12,\\!345", "12345"),
    ("10{,}000", "10000"),
    ("\\text{even}", "even"),
    ("Even", "even"),
    ("(-\\infty,3)\\cup(5,\\infty)", "(5,\\infty) \\cup (-\\infty, 3)"),
    ("x<3 \\text{ or } x>5", "(-\\infty,3)\\cup(5,\\infty)"),
    ("\\frac{\\pi}{2}", "pi/2"),
    ("1/3", "0.333333333"),
    ("\\sqrt{2}", "1.41421356"),
    ("2\\mathbf{i}+3\\mathbf{j}", "2i+3j"),
    ("5\\mathrm{e}", "5e"),
    ("\\$5", "5"),
    ("$18$", "18"),
    ("18\\text{ cm}^2", "18"),
    ("5 \\text{ km}", "5000 m"),
    ("1.5 hours", "90 minutes"),
    ("2 million", "2000000"),
    ("\\overline{CD}", "CD"),
    ("yx", "xy"),
    ("x \\ge 5", "5 \\le x"),
    ("x\\geq5", "[5,\\infty)"),
    ("\\mathbb{R}", "(-\\infty,\\infty)"),
    ("\\emptyset", "∅"),
    ("5 apples", "5"),
    ("\\frac{3}{4}x", "0.75x"),
    ("e^{i\\pi}", "-1"),
    ("\\log_2 8", "3"),
    ("\\frac{x^2}{x}", "x"),
    ("413_5", "413_{5}"),
    ("-x+2", "2-x"),
    ("(A) 42", "42"),
    ("0.0000001", "1e-7"),
    ("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}"),
    ("\\tan x", "\\frac{\\sin x}{\\cos x}"),
    ("2 \\sin x\\cos x", "\\sin 2x"),
    ("12 hours", "12"),
    ("100 \\text{ square feet}", "100 ft^2"),
    ("x^{2}+1", "x²+1"),
    ("1/2, 3", "3, 0.5"),
    ("(1/2, 3)", "(0.5, 3)"),
    ("5:30", "5:30"),
    ("10 miles per hour", "10 mph"),
    ("Monday.", "Monday"),
    ("C", "\\text{(C)}"),
    ("11\\sqrt{3}/2", "\\frac{11\\sqrt3}{2}"),
    ("2\\times(2^n-2)/3+1", "\\frac{2^{n+1}-1}{3}"),
    ("0 or 4", "0, 4"),
    ("(2^6) *( 3^4) * (5^2)", "129600"),
    ("5^{2/3}", "\\sqrt[3]{25}"),
    ("the answer is 5", "5"),
    ("It is 5 dollars", "5"),
    # 1x1 sums and products in other orders
    ("b+a", "a+b"),
    (r"3 \times 4 x", "12x"),
    # units on one side, with signs
    ("60 km/h", r"60 \text{ km/h}"),
    ("3 m²", "3"),
    (r"9.8\ \mathrm{m/s^2}", "9.8"),
    ("25 mph", "25"),
    ("2 hr", "2 hours"),
    ("7 o'clock", "7 o'clock"),
    (r"4:30 \text{ p.m.}", r"\text{4:30 p.m.}"),
    # intervals, sets and inequalities
    (r"-1\leq x\leq 2", "[-1,2]"),
    (r"2 \ge x \ge -1", "[-1,2]"),
    (r"\{x \in A\}", r"\{x\in A\}"),
    ("x = 3, y = 4", "y=4, x=3"),
    (r"\langle 1, 2 \rangle", "(1,2)"),
]
DIFFERENT = [
    ("\\frac{1}{36!}", "\\frac{1}{35!}"),
    ("\\frac{1}{1800!}", "\\frac{1}{1801!}"),
    ("\\left(\\frac{5}{6}\\right)^{300}", "\\left(\\frac{5}{6}\\right)^{301}"),
    ("2^{-70}", "2^{-71}"),
    ("1.6\\times 10^{-19}", "9.1\\times 10^{-31}"),
    ("0.0000001", "0.0000004"),
    ("2+\\mathrm{i}", "2-\\mathrm{i}"),
    ("6\\sqrt(3)", "6"),
    ("2\\mathbf{i}+3\\mathbf{j}", "2\\mathbf{i}-3\\mathbf{j}"),
    ("5\\mathrm{e}", "5"),
    ("5^{\\circ}30'", "35"),
    ("f'(x)", "f(x)"),
    ("1\\,234", "235"),
    ("12 1/2", "121/2"),
    ("1 1/2", "11/2"),
    ("CAB", "ABC"),
    ("DBCA", "ABCD"),
    ("ten", "net"),
    ("A,C,B", "A,B,C"),
    ("RLR", "RRL"),
    ("HHT", "HTH"),
    ("silent", "listen"),
    ("B) 42", "A"),
    ("(B) 42", "(A) 42"),
    ("10 km", "10 m"),
    ("5 hours", "5 minutes"),
    ("5 squared", "5"),
    ("5 factorial", "5"),
    ("2 xy", "2"),
    ("2x", "2"),
    ("5 pi", "5"),
    ("x", "-x"),
    ("|x|", "x"),
    ("\\sqrt{x^2}", "x"),
    ("(1,2)", "[1,2]"),
    ("(1,2)", "(2,1)"),
    ("1,2", "1,2,3"),
    ("1,1,2", "1,2"),
    ("x=1", "y=1"),
    ("10 a.m.", "10 p.m."),
    ("413_5", "413"),
    ("413_5", "413_6"),
    ("0.5", "50"),
    ("3.14", "\\pi"),
    ("\\sqrt{2}", "1.414"),
    ("1.0000001", "1"),
    ("10^{-50}+1", "1"),
    ("\\sqrt{2}+10^{-60}", "\\sqrt{2}"),
    ("e", "2.718"),
    ("a", "A"),
    ("R^2", "r^2"),
    ("AB", "BA"),
    ("5 or 6", "5"),
    ("5 and 6", "6"),
    ("5!", "5"),
    ("2^{10}", "210"),
    ("\\frac{1}{2}", "\\frac{2}{1}"),
    ("\\{1,2\\}", "(1,2)"),
    ("1<x<2", "[1,2]"),
    ("x>2", "x<2"),
    ("x \\ge 2", "x > 2"),
    ("3:4", "4:3"),
    ("-5", "5"),
    ("i", "-i"),
    ("\\sin x", "\\cos x"),
    ("f(x)", "g(x)"),
    ("x_1", "x_2"),
    ("x_1", "x"),
    ("\\overline{AB}", "\\overline{CD}"),
    ("\\infty", "-\\infty"),
    ("\\text{not } 5", "5"),
    ("5%", "6%"),
    ("5%", "5/6"),
    ("12", "1,2"),
    ("1,2", "12"),
    ("2.5", "25"),
    ("5 below zero", "5"),
    ("5 halves", "5"),
    ("5/6 + x", "5/6"),
    ("\\binom{5}{2}", "\\binom{5}{4}"),
    ("ln 2", "log 2"),
    ("(x+1)^2", "x^2+1"),
    ("m\\angle A", "A"),
    ("3 \\text{ or } 4", "34"),
    ("June 20", "20"),
    ("20 June", "June 20"),
    ("A and B", "A"),
    ("2 hours 30 minutes", "2"),
    ("4", "4.0000001"),
    ("0.333333", "0.333334"),
    ("A", "a"),
    ("\\dot{x}", "x"),
    ("x'", "x"),
    ("\\frac{d}{dx}x^2", "x^2"),
    ("\\vec{a}", "b"),
    ("5\\mathrm{i}", "5"),
    ("10^{100}", "10^{101}"),
    ("10^{100}+1", "10^{100}"),
    ("1e-10", "2e-10"),
    ("(5/6)^{10}", "(5/6)^{11}"),
    ("100!", "101!"),
    ("2^{100}", "2^{100}+1"),
    ("\\ln 10^{-20}+1", "1"),
    ("1 - 10^{-20}", "1"),
    ("\\frac{x}{10^{20}}", "0"),
    ("x+10^{-20}", "x"),
    ("yes", "no"),
    ("True", "False"),
    ("\\sqrt{3}", "3"),
    ("\\sqrt[3]{2}", "\\sqrt{2}"),
    ("\\sqrt[3]{2}", "32"),
    ("x^{y}", "y^{x}"),
    ("\\frac{a}{b}", "\\frac{b}{a}"),
    ("\\arctan 2", "\\tan 2"),
    ("5 + 3i", "5 + 3"),
    ("(2,3)", "2"),
    ("[0,1)", "[0,1]"),
    ("(0,1)\\cup(2,3)", "(0,1)"),
    ("x=2", "x=3"),
    ("y=2x", "y=3x"),
    ("-\\frac{1}{2}", "\\frac{1}{2}"),
    ("\\pm 5", "5"),
    ("\\pm 5", "-5"),
    (r"\frac{1}{10^{30}}", r"\frac{1}{10^{31}}"),
    (r"e^{-100}", r"e^{-101}"),
    (r"\sqrt{10^{-40}}", "0"),
    (r"\binom{100}{50}", r"\binom{100}{49}"),
    (r"\mathrm{e}^2", r"\mathrm{e}^3"),
    (r"3\hat{i}+\hat{j}", r"3\hat{i}-\hat{j}"),
    (r"12^\circ15'", r"12^\circ51'"),
    (r"f''(x)", "f'(x)"),
    ("TTH", "HTT"),
    ("B, A", "A, B"),
    ("stressed", "desserts"),
    ("(C) 5", "(D) 5"),
    ("3 1/2", "31/2"),
    ("2 3/4", "6/4"),
    ("1e3", "1e4"),
    ("5 km^2", "5 km"),
    (r"\$5", "5 cents"),
    ("3 thousand", "3"),
    ("[1,2)", "(1,2]"),
    ("(1,2), (3,4)", "(1,4), (3,2)"),
    ("x < 3", "(3, \\infty)"),
    ("x < 3", "y < 3"),
    (r"\begin{pmatrix} 1 & 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}"),
    ("x+y=1", "x-y=1"),
    ("x=1, y=2", "x=2, y=1"),
    (r"\frac{1}{x}", "x"),
    ("a^{b^c}", "(a^b)^c"),
    ("-x^2", "(-x)^2"),
    (r"\frac{1}{3}", "0.33"),
    (r"\frac{1}{3}", "0.333334"),
    ("__import__('os')", "1"),
]


@pytest.mark.parametrize(("answer", "other"), EQUAL)
def test_equal_answers(answer: str, other: str) -> None:
    assert equal(answer, other) and equal(other, answer)


@pytest.mark.parametrize(("answer", "other"), DIFFERENT)
def test_different_answers(answer: str, other: str) -> None:
    assert not equal(answer, other) and not equal(other, answer)


NUMBERS = st.builds(Fraction, st.integers(-40, 40), st.integers(1, 30))
SPELLINGS = [
    lambda value: rf"\frac{{{value.numerator}}}{{{value.denominator}}}",
    lambda value: f"{value.numerator}/{value.denominator}",
    lambda value: f"{'-' if value < 0 else ''}{abs(value) // 1} {abs(value) % 1}",
    lambda value: f"{value.numerator} \\div {value.denominator}",
    lambda value: rf"{2 * value.numerator} \cdot \frac{{1}}{{{2 * value.denominator}}}",
]


@settings(max_examples=150, deadline=None)
@given(NUMBERS, NUMBERS, st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS))
def test_numbers_are_equal_when_their_values_are(
    value: Fraction, other: Fraction, write: object, spell: object
) -> None:
    assume(value.denominator > 1 and other.denominator > 1)
    assert callable(write) and callable(spell)
    assert equal(write(value), spell(value))
    assert equal(write(value), spell(other)) is (value == other)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(2, 9))
def test_tiny_and_huge_numbers_are_told_apart(power: int, other: int, base: int) -> None:
    assume(power != other)
    for form in (
        "{base}^{{-{power}}}",
        "\\frac{{1}}{{{power}!}}",
        "(\\frac{{1}}{{{base}}})^{{{power}}}",
        "1.5e-{power}",
    ):
        assert not equal(form.format(base=base, power=power), form.format(base=base, power=other))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=3, max_size=3), st.lists(st.integers(-3, 3), min_size=3, max_size=3))
def test_polynomials_are_equal_when_their_coefficients_are(some: list[int], other: list[int]) -> None:
    written = f"{some[0]}x^2+({some[1]})xy+({some[2]})"
    respelt = f"({other[2]})+({other[1]})y x+x^2\\cdot ({other[0]})"
    assert equal(written, respelt) is (some == other)


@settings(max_examples=100, deadline=None)
@given(st.permutations("ABCD"), st.permutations("ABCD"))
def test_an_order_of_letters_is_a_text(some: list[str], other: list[str]) -> None:
    for join in ("", ",", " < "):
        assert equal(join.join(some), join.join(other)) is (some == other)


def test_texts_and_numbers_are_decided_without_reading_formulas() -> None:
    assert quick_equal("1 1/2", "3/2") is quick_equal("(A) 42", "A") is quick_equal("Even", "even") is True
    assert quick_equal("12 1/2", "121/2") is quick_equal("CAB", "ABC") is quick_equal("(B)", "A") is False
    assert quick_equal("x+y", "y+x") is quick_equal("50%", "0.5") is None
