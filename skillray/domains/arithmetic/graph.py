"""The skills of the arithmetic domain, what each builds on, and which skill a single operation needs."""

from __future__ import annotations

from fractions import Fraction

from skillray.skills.graph import SkillGraph

GRAPH = SkillGraph(
    {
        "addition_without_carry": (),
        "addition_with_carry": ("addition_without_carry",),
        "subtraction_without_borrow": (),
        "subtraction_with_borrow": ("subtraction_without_borrow",),
        "single_digit_multiplication": ("addition_without_carry",),
        "multiplication_in_steps": ("single_digit_multiplication", "addition_with_carry"),
        "exact_division": ("single_digit_multiplication",),
        "division_with_remainder": ("exact_division", "subtraction_with_borrow"),
        "order_of_operations": ("addition_with_carry", "subtraction_with_borrow", "single_digit_multiplication"),
        "negative_numbers": ("subtraction_with_borrow",),
        "fraction_of_a_number": ("exact_division", "single_digit_multiplication"),
        "fraction_addition": ("addition_without_carry", "single_digit_multiplication"),
        "percentage": ("fraction_of_a_number",),
        "one_step_equation": ("addition_with_carry", "subtraction_with_borrow", "exact_division"),
        "two_step_equation": ("one_step_equation", "order_of_operations"),
        "arithmetic_sequence": ("order_of_operations",),
        "one_step_word_problem": ("addition_with_carry", "subtraction_with_borrow", "single_digit_multiplication"),
        "two_step_word_problem": ("one_step_word_problem", "exact_division"),
    }
)
"""Skill -> the skills it builds on."""


def skill_of_operation(sign: str, left: Fraction, right: Fraction) -> str:
    """The skill that working out `left sign right` takes."""
    if left.denominator != 1 or right.denominator != 1:
        return "fraction_addition" if sign in "+-" else "fraction_of_a_number"
    a, b = int(left), int(right)
    if a < 0 or b < 0 or (sign == "-" and a < b):
        return "negative_numbers"
    if sign == "+":
        return "addition_with_carry" if has_carry(a, b) else "addition_without_carry"
    if sign == "-":
        return "subtraction_with_borrow" if has_borrow(a, b) else "subtraction_without_borrow"
    if sign == "*":
        return "single_digit_multiplication" if _is_simple(a) and _is_simple(b) else "multiplication_in_steps"
    return "exact_division" if b and a % b == 0 else "division_with_remainder"


def has_carry(a: int, b: int) -> bool:
    """True if some column of a + b reaches ten. Carries need not be added: a column before them did."""
    while a or b:
        if a % 10 + b % 10 > 9:
            return True
        a, b = a // 10, b // 10
    return False


def has_borrow(a: int, b: int) -> bool:
    """True if some column of a - b has the smaller digit above."""
    while b:
        if a % 10 < b % 10:
            return True
        a, b = a // 10, b // 10
    return False


def _is_simple(number: int) -> bool:
    """One digit followed by nothing but zeros."""
    while number and number % 10 == 0:
        number //= 10
    return number < 10
