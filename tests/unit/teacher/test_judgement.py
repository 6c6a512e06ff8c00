"""Right, not right, or unclear: by words, in several languages, and never the opposite."""

from __future__ import annotations

from typing import Any

import pytest

from skillray.teacher.judgement import means_right

RIGHT: list[Any] = [
    "correct", "Correct.", "yes", "YES", "true", "True", "right", "1",
    1, 1.0, True, "correct, not incorrect",
    "not incorrect", "not wrong", "no errors", "without errors", "error-free",
    "the answer is correct", "Correct!",
    "**Correct**", "richtig", "korrekt", "correcto", "正确", "正しい", "정답", "верно",
    "правильно", "juste", "vrai", "oui",
    "sí", "✓", "100%", "1/1", "T", "entirely correct", "fully correct",
    "The student's answer is correct.", "ok",
    "correct - well done", "no mistakes", "It isn't wrong", "没有错误", "valid",
    "Correct (the student made no mistake)",
    "is correct", ['correct'], {'verdict': 'correct'}, "yes, correct", "right answer",
    "pass", "Correct: 4",
    " correct ", "CORRECT", "esatto corretto", "doğru", "답이 맞습니다",
]  # fmt: skip
WRONG: list[Any] = [
    "not correct", "not entirely correct", "partially correct", "wrong", "No.", "no",
    "in-correct", 0, "0", 0.0,
    False, "falsch", "incorrect", "Incorrect", "false", "isn't correct", "isn’t correct",
    "never correct",
    "is not right", "mostly correct", "almost correct", "nicht richtig", "nicht korrekt",
    "no es correcto",
    "incorrecto", "pas correct", "faux", "错误", "不正确", "不对", "正しくない", "間違い", "틀렸습니다",
    "неверно", "не верно",
    "неправильно", "✗", "0%", "0/1", "incorrect, the right answer is 5",
    "incorrect (the correct answer is 5)",
    "The answer 5 is not correct; the correct answer is 4.",
    "wrong because 2+2=4, which is correct", "partly",
    "partially", "INCORRECT", "non corretto", "errato", "No, incorrect", "in-correct",
    "not fully correct",
    "not quite right", "incomplete", "correct approach, wrong answer",
    "correct method but wrong answer", "F", "fail",
    "has errors", "contains a mistake", "部分正确", "partiellement correct",
    "teilweise richtig", "not_correct",
    "doğru değil", "nein", "incorrectly solved", "정답이 아닙니다", "not true", "untrue",
    "somewhat correct", "半对",
    "not valid", "unsuccessful", "No, it is not correct", "wrong answer", "half correct",
    "not at all correct",
]  # fmt: skip
UNCLEAR: list[Any] = [
    "maybe", "unclear", "probably correct", "correct or incorrect", "", "?",
    "cannot tell", 0.5, 2, "0.5", "5/10",
    "50%", None, [], {}, ['correct', 'incorrect'], "correct and incorrect", "I think",
    "the student multiplied",
    "unknown", "hm", "incorrect? no, correct", "possibly wrong", "not sure", "A",
    "correctness", "uncorrectable",
    "N/A", "cannot be determined",
    {'a': 'correct', 'b': 'incorrect'}, {'a': 1}, "correct/incorrect", "either",
    "it depends",
]  # fmt: skip


@pytest.mark.parametrize("said", RIGHT)
def test_right(said: Any) -> None:
    assert means_right(said) is True


@pytest.mark.parametrize("said", WRONG)
def test_not_wholly_right(said: Any) -> None:
    assert means_right(said) is False


@pytest.mark.parametrize("said", UNCLEAR)
def test_unclear(said: Any) -> None:
    assert means_right(said) is None
