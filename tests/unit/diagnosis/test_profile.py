"""The Missing-Skill-Profile by hand."""

from __future__ import annotations

from skillray.diagnosis.profile import cap_difficult, labels_as_missing, profile_of
from skillray.teacher.tasks import Outcome, Reply
from skillray.types import content_id

IDS = [content_id("q", i) for i in range(1000)]


def test_a_skill_counts_once_a_question_and_only_where_the_teacher_named_it() -> None:
    profile = profile_of(
        [["algebra", "fractions"], ["algebra"], [], ["fractions"], ["algebra", "algebra"]],
        [Outcome.OK, "ok", Outcome.JUDGED_CORRECT, Outcome.FAILED, Outcome.OK],
    )
    assert profile.counts == {"algebra": 3, "fractions": 1}  # the failed row says nothing
    assert profile.outcomes == {"ok": 3, "judged_correct": 1, "failed": 1}
    assert profile.num_difficult == 5


def test_most_frequent_first_then_by_name() -> None:
    profile = profile_of([["b"], ["c", "a"], ["c"]], ["ok"] * 3)
    assert list(profile.counts.items()) == [("c", 2), ("a", 1), ("b", 1)]


def test_the_cap_is_of_the_set_and_the_seed() -> None:
    capped = cap_difficult(IDS, seed=1, limit=500)
    assert capped == cap_difficult([*reversed(IDS), *IDS], seed=1, limit=500)
    assert len(set(capped)) == 500 and set(capped) <= set(IDS)
    assert set(capped) != set(cap_difficult(IDS, seed=2, limit=500))
    assert set(cap_difficult(IDS[:7], seed=1)) == set(IDS[:7])


def test_the_cap_is_uniform() -> None:
    # Each id is in a half-sized sample with probability 1/2: over 200 seeds 100 times, sd sqrt(50) = 7.1; 5 sd = 35.
    times = sum(IDS[0] in cap_difficult(IDS[:10], seed=seed, limit=5) for seed in range(200))
    assert 65 <= times <= 135


def test_labels_as_missing_skills() -> None:
    assert labels_as_missing(("a", "b")) == Reply(outcome=Outcome.OK, value=["a", "b"])
    assert labels_as_missing([]) == Reply(outcome=Outcome.EMPTY)
