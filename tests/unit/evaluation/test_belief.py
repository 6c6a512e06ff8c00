"""Figures of a teacher, by hand."""

from __future__ import annotations

import pytest

from skillray.evaluation.belief import Figure, judgements, labels
from skillray.teacher.tasks import Outcome, Reply

WRONG, RIGHT = Reply(outcome=Outcome.OK, value=["a"]), Reply(outcome=Outcome.JUDGED_CORRECT, value=[])
BAD = Reply(outcome=Outcome.MALFORMED)
GONE = Reply(outcome=Outcome.FAILED)


def test_of_known_answers_it_counts_how_many_are_judged_as_they_are() -> None:
    """Of five wrong ones two are found, one is called right, one reply cannot be read, and one never came: 2 of 4."""
    replies = [WRONG, Reply(outcome=Outcome.EMPTY), RIGHT, BAD, GONE]
    found = judgements(replies, right=False)
    assert (found.hits, found.cases, found.share) == (2, 4, 0.5)
    assert found.outcomes == {"empty": 1, "failed": 1, "judged_correct": 1, "malformed": 1, "ok": 1}
    found = judgements(replies, right=True)
    assert (found.hits, found.cases) == (1, 4)


def test_a_list_of_all_skills_judges_and_labels_nothing() -> None:
    everything = Reply(outcome=Outcome.TOO_MANY_SKILLS)
    assert judgements([everything], right=False).hits == 1  # it did find the answer wrong
    assert labels([everything], [["a"]]).hits == 0


def test_labels_agree_by_the_main_one_and_by_what_is_shared() -> None:
    """Named {a, b} of own {a, c}: 1 of 2 named, 1 of 3 in all. Named {c} of own {a, c}: all of it, 1 of 2."""
    replies = [Reply(outcome=Outcome.OK, value=["a", "b"]), Reply(outcome=Outcome.OK, value=["c"]), BAD]
    found = labels(replies, [["a", "c"], ["a", "c"], ["a"]])
    assert (found.hits, found.cases) == (1, 3)
    assert found.means["overlap"] == pytest.approx((1 / 2 + 1) / 2)
    assert found.means["jaccard"] == pytest.approx((1 / 3 + 1 / 2) / 2)


@pytest.mark.parametrize(
    ("hits", "cases", "bound", "below"),
    [
        (0, 20, 0.7, True),  # Qwen2.5-Coder-0.5B called all of 20 wrong answers right
        (9, 20, 0.7, True),
        (10, 20, 0.7, False),  # its interval ends at .701
        (5, 20, 0.5, True),
        (6, 20, 0.5, False),
        (0, 4, 0.7, False),  # too few to say anything
        (0, 0, 0.7, False),
    ],
)
def test_a_bound_stops_where_chance_does_not_explain_it(hits: int, cases: int, bound: float, below: bool) -> None:
    assert Figure(hits=hits, cases=cases).is_below(bound) is below


def test_the_interval_is_wilsons() -> None:
    """With z = 1.96 and no hit of 20: 0 to z^2 / (20 + z^2) = 3.8415 / 23.8415."""
    low, high = Figure(hits=0, cases=20).interval
    assert low == pytest.approx(0.0, abs=1e-9) and high == pytest.approx(3.8415 / 23.8415, abs=1e-4)


def test_a_figure_survives_its_file() -> None:
    found = labels([WRONG, BAD], [["a"], ["b"]])
    assert Figure.from_json(found.to_json()) == found
