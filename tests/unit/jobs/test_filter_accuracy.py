"""The filter against what answers are, on answers made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs import filter_accuracy
from jobs.filter_accuracy import (
    NUM_RESAMPLES,
    Answer,
    Counts,
    area,
    area_over,
    by_length,
    by_question,
    by_votes,
    count,
    is_tune,
    lines,
    main,
    resamples,
)
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
    every = by_length(answers, by_question(answers))
    way = replace(every, flags={name: every.flags[name] for name in ("800 words", "40 words")})
    paper, tuned = lines(way, "s", answers)
    assert "800 words (paper) | 0.000" in paper
    assert "40 words (tuned) | 0.000" in tuned  # flags nothing in the half that is told
    assert tuned.endswith("| 1.000 [1.000, 1.000] |")  # though there too the wrong ones are the longer ones


def test_another_seed_has_other_halves() -> None:
    questions = [answer(n, 1, True).question for n in range(200)]
    same = sum(is_tune(question, 0) == is_tune(question, 1) for question in questions)
    assert 70 < same < 130


def test_the_area_by_hand() -> None:
    """Scores 1, 2, 2 of wrong answers and 2, 3 of right ones: 6 pairs, 4 the right way round and 2 ties."""
    wrong, right = np.array([[1.0, 2.0, 0.0]]), np.array([[0.0, 1.0, 1.0]])
    assert area(wrong, right) == pytest.approx([(4 + 2 / 2) / 6])
    assert np.isnan(area(wrong, 0 * right)).all()


def test_samples_of_a_question_are_flagged_alike_and_resampled_together() -> None:
    several = [answer(n // 4, 10 * (n // 4 + 1), n // 4 > 0) for n in range(12)]  # 10, 20 and 30 words; the first wrong
    groups = by_question(several)
    assert [len(group) for group in groups] == [4, 4, 4]
    assert by_length(several, groups).scores == [-10.0] * 4 + [-20.0] * 4 + [-30.0] * 4
    assert resamples(3).sum(axis=1).tolist() == [3.0] * NUM_RESAMPLES
    value, drawn = area_over(by_length(several, groups), several, range(12))
    assert value == 0.0  # the wrong ones are the shortest
    assert {one for one in drawn if one == one} == {0.0}


def test_votes_are_of_a_question() -> None:
    said = ["5", "5", "7", "5", "1", "2", "3", "4"]
    answers = [replace(answer(n // 4, 1, True), response=f"#### {text}") for n, text in enumerate(said)]
    way = by_votes(answers, by_question(answers))
    assert way.scores == [3.0] * 4 + [0.0] * 4  # under two votes is none
    assert [way.flags["2 votes"](place) for place in range(8)] == [False] * 4 + [True] * 4
    assert list(way.flags) == ["2 votes", "3 votes", "4 votes"]


def test_without_recorded_answers_it_says_so(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(filter_accuracy, "DATA", tmp_path)
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("skipped: there are no recorded answers at")
