"""The filter against what answers are, on answers made by hand."""

from __future__ import annotations

import pytest

from jobs import filter_accuracy
from jobs.filter_accuracy import Answer, Counts, by_length, count, is_tune, lines, main
from skillray.types import Question, content_id


def answer(n: int, words: int, is_correct: bool) -> Answer:
    question = Question(question_id=content_id(str(n)), question=str(n), answer="1", solution="", skills=())
    return Answer(question, "s", "w " * words, is_correct)


def test_counts_by_hand() -> None:
    answers = [answer(n, 1, is_correct) for n, is_correct in enumerate([False, False, False, True, True])]
    found = count(answers, range(5), lambda place: place in (0, 1, 3))
    assert found == Counts(wrong_flagged=2, right_flagged=1, wrong_passed=1, right_passed=1)
    assert (found.accuracy, found.flagged) == (3 / 5, 3 / 5)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 2 / 3, pytest.approx(2 / 3))
    nothing = count(answers, range(5), lambda place: False)
    assert (nothing.accuracy, nothing.precision, nothing.recall, nothing.f1) == (2 / 5, 0.0, 0.0, 0.0)


def test_a_threshold_is_chosen_on_one_half_and_told_of_the_other() -> None:
    """In the tune half wrong answers have 40 words, in the other 30: the tuned limit must not be the other half's."""
    kinds = [(n, n % 4 == 0) for n in range(200)]
    tune = {n: is_tune(answer(n, 1, True).question) for n, _ in kinds}
    answers = [answer(n, (40 if tune[n] else 30) if wrong else 10, not wrong) for n, wrong in kinds]
    assert 70 < sum(tune.values()) < 130
    every = by_length([len(one.response.split()) for one in answers])
    flags = {name: every[name] for name in ("800 words", "40 words")}
    paper, tuned = lines("length", "s", answers, flags)
    assert "800 words (paper) | 0.000" in paper
    assert "40 words (tuned) | 0.000" in tuned  # flags nothing in the half that is told


def test_without_recorded_answers_it_says_so(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(filter_accuracy, "DATA", tmp_path)
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("skipped: there are no recorded answers at")
