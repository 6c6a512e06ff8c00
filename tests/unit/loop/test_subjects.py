"""The same word in two subjects is two skills."""

from __future__ import annotations

import random

import pytest

from skillray.curriculum import StatSel
from skillray.curriculum.base import Evidence, Gap
from skillray.errors import DataError
from skillray.loop.questions import as_table
from skillray.loop.study import skill_map
from skillray.loop.subjects import by_subject
from skillray.skills.graph_json import graph_from_json, graph_json
from skillray.store.fence import UNFENCED
from skillray.store.tables import Table
from skillray.types import content_id


def row(question: str, subject: str | None, *skills: str) -> dict:
    ids = {"question_id": content_id(question), "source_id": None, "split": "pool"}
    return ids | {
        "question": question, "answer": "1", "solution": "", "skills": list(skills), "subject": subject, "level": 1,
    }  # fmt: skip


POOL = [row(f"a{n}", "algebra", "equations") for n in range(6)] + [row(f"n{n}", "numbers", "equations") for n in "12"]


def test_two_subjects_have_two_lists():
    named, graph = by_subject({"pool": POOL, "profile": [row("p", "numbers", "primes", "equations")]})
    assert graph.skills == ("algebra/equations", "numbers/equations", "numbers/primes")
    assert graph.subjects["numbers/equations"] == "numbers"
    assert named["profile"][0]["skills"] == ["numbers/primes", "numbers/equations"]
    assert POOL[0]["skills"] == ["equations"]  # the rows that came in are left alone
    assert graph_from_json(graph_json(graph)) == graph


def test_a_missing_skill_is_filled_from_its_own_subject(tmp_path):
    """A number theory question that misses `equations` gets the two of the pool, never the six of algebra."""
    named, _ = by_subject({"pool": POOL})
    pool = Table(str(tmp_path / "pool"))
    pool.write(as_table(named["pool"]), fence=UNFENCED)
    gaps = (Gap(question_id=content_id("p"), missing_skills=("numbers/equations",)),)
    plan = StatSel().plan(Evidence(skill_map=skill_map(pool), gaps=gaps), {}, random.Random(0))
    (order,) = plan.orders
    assert order.count == 5 and set(order.question_ids) == {content_id("n1"), content_id("n2")}


@pytest.mark.parametrize("subject", ["grade_school", None])
def test_one_subject_or_none_is_one_list(subject):
    named, graph = by_subject({"pool": [row("a", subject, "sums"), row("b", subject, "sums", "products")]})
    assert graph.skills == ("products", "sums") and graph.subjects == {}
    assert named["pool"][1]["skills"] == ["sums", "products"]


def test_a_question_without_a_subject_among_others_is_one_line():
    with pytest.raises(DataError, match=r"a question of the profile split has no subject \('lost'\)") as caught:
        by_subject({"pool": POOL, "profile": [row("p", "algebra", "x"), row("lost", None, "x")]})
    assert "\n" not in str(caught.value)
