"""One reply from several samples of a teacher: what most of them say, and how far they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from skillray.teacher.tasks import Outcome, Reply

SAID = frozenset({Outcome.OK, Outcome.EMPTY, Outcome.UNKNOWN_SKILL, Outcome.JUDGED_CORRECT})
"""Outcomes that are a word on the question; others have no vote."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Of one question."""

    reply: Reply
    agreement: float | None
    """In [0, 1]; None where fewer than two samples said anything."""
    overlap: float | None = None
    """Of the first sample's skills, the share that the others name; None where it names none, or nobody else speaks."""


def vote(replies: Sequence[Reply]) -> Vote:
    """Skills that more than half of the samples name, the most often named first, ties in the order of naming.

    STAT asks its teacher once (arXiv 2510.10023, 2.2); voting is ours. The response counts as correct when more than
    half judge it so; where neither has a majority the outcome is NO_MAJORITY. Of one sample this is its reply.
    """
    said = [reply for reply in replies if reply.outcome in SAID]
    if len(replies) == 1 or not said:
        return Vote(replies[0], None)
    named = [list(dict.fromkeys(reply.value)) if reply.outcome is Outcome.OK else [] for reply in said]
    votes = Counter(skill for skills in named for skill in skills)
    kept = [skill for skill, count in votes.most_common() if 2 * count > len(said)]
    if kept:
        return Vote(Reply(outcome=Outcome.OK, value=kept), agreement_of(named), overlap_of(named))
    outcome, count = Counter(reply.outcome for reply in said).most_common(1)[0]
    has_majority = 2 * count > len(said) and outcome is not Outcome.OK
    reply = Reply(outcome=outcome if has_majority else Outcome.NO_MAJORITY)
    return Vote(reply, agreement_of(named), overlap_of(named))


def agreement_of(named: Sequence[Sequence[str]]) -> float | None:
    """Mean over all pairs of samples of shared skills among those that either names (Jaccard); two without are equal.
    Ours; `overlap_of` is the paper's figure.
    """
    pairs = [(set(one), set(other)) for one, other in combinations(named, 2)]
    if not pairs:
        return None
    return sum(len(one & other) / len(one | other) if one | other else 1.0 for one, other in pairs) / len(pairs)


def overlap_of(named: Sequence[Sequence[str]]) -> float | None:
    """Mean over the other samples of the share of the first one's skills that they name too.

    STAT's agreement of two teachers (arXiv 2510.10023, E.3): shared skills over those that GPT-4o-mini names, 43%. Its
    other sample is another teacher's; here both are the same one's, and the first is its greedy reply.
    """
    first, others = set(named[0]), [set(other) for other in named[1:]]
    if not first or not others:
        return None
    return sum(len(first & other) for other in others) / (len(first) * len(others))
