"""A teacher is asked what is known, and refused where it is wrong too often."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.errors import UnbelievableTeacherError
from skillray.loop.questions import from_domain
from skillray.loop.teacher_check import PARTS, Known, check_teacher, made_answers, measure, parts_used, read_checks
from skillray.skills.graph import SkillGraph
from skillray.store.fence import UNFENCED
from skillray.store.layout import RunFolder
from skillray.teacher.domain_teacher import DomainTeacher
from skillray.teacher.settings import TeacherCheck
from skillray.teacher.tasks import Outcome, Reply, Rewrite, Task, written
from skillray.types import Question

CONFIG: dict[str, Any] = {
    "name": "r",
    "students": [{"name": "a", "curriculum": {"type": "stat-sel"}}],
    "teacher": {"type": "openai", "model": "m"},
    "data": {"type": "domain", "pool_per_skill": 2, "profile_per_skill": 2, "held_out_per_skill": 1},
}


@pytest.fixture(scope="module")
def known() -> tuple[Known, SkillGraph]:
    tables, graph = from_domain(parse(CONFIG, "test").data, 0)
    profile, pool = tables["profile"].to_pylist(), tables["pool"].to_pylist()
    return Known(answers=made_answers(profile, 0), profile=profile, pool=pool), graph


def says(**replies: Reply) -> Any:
    """A teacher that always says the same; "solve" is of rewrites too."""

    def ask(task: Task, requests: Sequence[Any]) -> list[Reply]:
        return [replies[task] for _ in requests]

    return ask


def equal(answer: str, other: str) -> bool:
    return answer == other


def test_made_answers_are_right_and_wrong_in_the_eyes_of_the_exact_teacher(known: tuple[Known, SkillGraph]) -> None:
    ask = DomainTeacher(DOMAINS["arithmetic"]).ask
    figures: dict[str, Any] = {}
    for part in PARTS:
        figures |= measure(part, known[0], known[1], TeacherCheck(), ask, equal)
    assert {name: (one.hits, one.cases) for name, one in figures.items()} == {
        "wrong_found": (20, 20),
        "right_found": (20, 20),
        "labels": (20, 20),
        "solutions": (20, 20),
        "rewrites": (20, 20),
        "new_questions": (20, 20),
    }


@pytest.mark.parametrize("outcome", [Outcome.JUDGED_CORRECT, Outcome.MALFORMED])
def test_who_calls_wrong_answers_right_is_refused_before_the_rest_is_asked(
    known: tuple[Known, SkillGraph], outcome: Outcome, tmp_path: Path
) -> None:
    run, config = RunFolder(str(tmp_path)), parse(CONFIG, "test")
    asked: list[int] = []

    def ask(task: Task, requests: Sequence[Any]) -> list[Reply]:
        asked.append(len(requests))
        return [Reply(outcome=outcome) for _ in requests]

    def check(config: Any) -> None:
        check_teacher(run, ["judgement"], config, lambda: known[0], known[1], lambda: ask, equal, UNFENCED)

    said = (
        r"of 20 answers that are known to be wrong it judges 0 wrong \(95% interval 0% to 16%\).*min_wrong_found is 0.7"
    )
    with pytest.raises(UnbelievableTeacherError, match=said) as caught:
        check(config)
    assert "\n" not in str(caught.value) and asked == [20, 20]
    assert read_checks(run)["wrong_found"]["outcomes"] == {str(outcome): 20}
    with pytest.raises(UnbelievableTeacherError):
        check(config)
    lenient = CONFIG | {"teacher_check": {"min_wrong_found": 0.0, "min_right_found": 0.0}}
    check(parse(lenient, "test"))  # with a lower bound the same run goes on
    assert asked == [20, 20]  # and nothing was asked again


def test_what_a_run_makes_no_use_of_is_not_measured(tmp_path: Path) -> None:
    labels = parse(CONFIG | {"diagnosis": {"source": "labels"}}, "test")
    whatever = parse(CONFIG | {"diagnosis": {"judged_correct": "named_skills"}}, "test")
    assert parts_used(labels) == parts_used(whatever) == []
    assert parts_used(parse(CONFIG, "test")) == ["judgement"]
    writes = CONFIG | {"students": [{"name": "a", "curriculum": {"type": "stat-syn"}}]}
    assert parts_used(parse(writes, "test")) == ["judgement", "solutions", "new_questions"]
    rewrites = CONFIG | {"students": [{"name": "a", "curriculum": {"type": "augment"}}]}
    assert parts_used(parse(rewrites, "test")) == ["rewrites"]

    def never() -> Any:
        raise AssertionError("an exact teacher is not asked")

    run, exact = RunFolder(str(tmp_path)), parse(CONFIG | {"teacher": {"type": "domain"}}, "test")
    check_teacher(run, ["judgement"], exact, never, SkillGraph.flat(["a"]), never, equal, UNFENCED)


def test_a_new_question_that_is_a_seed_again_and_a_rewrite_with_another_answer_are_no_hits(
    known: tuple[Known, SkillGraph],
) -> None:
    rows, graph = known

    def ask(task: Task, requests: Sequence[Any]) -> list[Reply]:
        replies = []
        for request in requests:
            if isinstance(request, Rewrite):
                value: Any = "First this, then that, and so on.\n#### 123456789"
            else:
                seed: Question = request.seeds[0]
                value = [written(seed)]
            replies.append(Reply(outcome=Outcome.OK, value=value))
        return replies

    for part in ("rewrites", "new_questions"):
        figures = measure(part, rows, graph, TeacherCheck(), ask, equal)
        assert (figures[part].hits, figures[part].cases) == (0, 20)
