"""What a teacher writes, by hand: a scripted teacher, a graph of two skills."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.errors import StageError
from skillray.grading import texts
from skillray.grading.pool import AnswerPool
from skillray.loop import write as writing
from skillray.loop.study import orders_table
from skillray.loop.write import Desk
from skillray.skills.graph import SkillGraph
from skillray.teacher.tasks import Outcome, Reply, Task
from skillray.types import content_id

SEED = {
    "question_id": content_id("1+1?"),
    "question": "1+1?",
    "answer": "2",
    "solution": "1+1=2",
    "subject": "",
    "level": 1,
    "skills": ["sum"],
}
BODY = {"question": "2+2, or two twice?", "answer": "", "solution": "", "skills": ["sum"], "subject": "", "level": 1}
GRAPH = SkillGraph({"count": (), "sum": ("count",), "product": ("sum",)})


def order(kind: OrderKind, count: int = 1, seeds: int = 1) -> dict:
    ids = (SEED["question_id"],) * seeds
    return orders_table(
        Plan(orders=(Order(kind=kind, skill="sum", parent_id=None, question_ids=ids, count=count, unit=3),))
    ).to_pylist()[0]


def ok(value: object) -> Reply:
    return Reply(outcome=Outcome.OK, value=value)


class Scripted:
    """Answers each task from a table, the same for every request of it; `asked` remembers them."""

    def __init__(self, **replies: list[Reply]) -> None:
        self.replies, self.asked = replies, dict.fromkeys(replies, ())

    def __call__(self, task: Task, requests: list) -> list[Reply]:
        self.asked[task] = tuple(requests)
        texts = self.replies[task]
        if task is Task.SOLVE:
            return [texts[request.sample if hasattr(request, "sample") else request.index] for request in requests]
        return (texts * len(requests))[: len(requests)]


def desk(ask: object, solutions: int = 1, min_agreement: int = 1, wave: int = 0, same=lambda a, b: a == b) -> Desk:
    seeds = {SEED["question_id"]: SEED}
    return Desk(
        ask=ask, same=same, seeds=seeds, graph=GRAPH, solutions=solutions, min_agreement=min_agreement, wave=wave
    )


def kept(drafts: list[dict]) -> list[str]:
    return [draft["response"] for draft in drafts if draft["refused"] is None]


def reasons(drafts: list[dict]) -> list[str]:
    return [draft["refused"] for draft in drafts if draft["refused"] is not None]


def synthesize(*solutions: str | Reply, min_agreement: int = 2) -> list[dict]:
    replies = [ok(one) if isinstance(one, str) else one for one in solutions]
    ask = Scripted(write_questions=[ok([BODY])], solve=replies)
    with AnswerPool() as answers:
        at = desk(ask, len(replies), min_agreement, same=answers.same)
        return writing.synthesize([order(OrderKind.SYNTHESIZE)], at)


def test_two_of_three_solutions_agree():
    drafts = synthesize("2+2=4\n#### 4", "#### 5", "4 it is\n#### 4")
    assert kept(drafts) == ["2+2=4\n#### 4", "4 it is\n#### 4"] and not reasons(drafts)
    assert {(draft["origin"], draft["unit"]) for draft in drafts} == {("synthesize", 3)}
    assert drafts[0]["parents"] == [SEED["question_id"]]
    assert drafts[0]["question_id"] == content_id(BODY["question"])


def test_no_two_solutions_agree():
    assert reasons(synthesize("#### 4", "#### 5", "#### 6")) == ["no_agreement"]


def test_a_reply_that_never_came_is_no_data():
    failed = Reply(outcome=Outcome.FAILED)
    assert kept(synthesize("#### 4", failed, "#### 4")) == ["#### 4"]
    assert reasons(synthesize("#### 4", failed, failed)) == ["too_few_solutions"]
    (draft,) = writing.synthesize([order(OrderKind.SYNTHESIZE)], desk(Scripted(write_questions=[failed])))
    assert (draft["refused"], draft["response"]) == ("teacher_failed", "")


def augment(*rewrites: str, wave: int = 0, count: int = 3) -> list[dict]:
    """The drafts of one question with the reference 2, whose rewrites are these."""
    ask = Scripted(solve=[ok(text) for text in rewrites])
    with AnswerPool() as answers:
        return writing.augment([order(OrderKind.AUGMENT, count)], desk(ask, wave=wave, same=answers.same))


def test_a_rewrite_with_the_reference_answer_is_kept():
    (draft,) = augment("One and one are two.\n#### 2.0")
    assert (draft["question"], draft["response"]) == ("1+1?", "One and one are two.\n#### 2.0")
    assert (draft["origin"], draft["skills"], draft["parents"]) == ("augment", ["sum"], [SEED["question_id"]])


def test_a_rewrite_with_another_answer_or_none_is_not():
    assert reasons(augment("1+1=3\n#### 3")) == reasons(augment("one and one")) == ["another_answer"]


def test_each_wave_asks_for_the_next_rewrite_and_no_more_than_were_ordered():
    texts = ("#### 2", "It is #2\n#### 2", "#### 3")
    assert [kept(augment(*texts, wave=wave)) for wave in range(3)] == [["#### 2"], ["It is #2\n#### 2"], []]
    assert augment(*texts, wave=1, count=1) == []


@pytest.mark.parametrize("kind", list(writing.WRITERS))
def test_what_no_teacher_can_do_is_an_error(kind):
    ask = Scripted(**{task: [Reply(outcome=Outcome.UNSUPPORTED)] for task in Task})
    ask.replies[Task.SOLVE] = [Reply(outcome=Outcome.UNSUPPORTED)]
    with pytest.raises(StageError, match=r"the teacher cannot .* for these data; set another `teacher`") as error:
        writing.WRITERS[kind]([order(kind)], desk(ask))
    assert "\n" not in str(error.value)


PASSAGE = "On sums. " * 40


def test_passages_are_examples_without_a_question():
    ask = Scripted(write_textbook=[ok(PASSAGE), ok("On sums."), Reply(outcome=Outcome.TRUNCATED)])
    drafts = writing.textbook([order(OrderKind.TEXTBOOK, count=3)], desk(ask, wave=2))
    (draft,) = [one for one in drafts if one["refused"] is None]
    assert (draft["question"], draft["response"], draft["skills"], draft["unit"]) == ("", PASSAGE, ["sum"], 3)
    assert draft["question_id"] == draft["example_id"] == content_id("", PASSAGE)
    assert sorted(reasons(drafts)) == ["passage_too_short", "teacher_truncated"]
    asked = ask.asked["write_textbook"]
    assert [one.index for one in asked] == [6, 7, 8] and {one.prerequisites for one in asked} == {("count",)}


def written(n: int, solution: str = "2+2=4\n#### 4") -> dict:
    return BODY | {"question": f"{n} apples and 2 more?", "solution": solution}


def exercise(ask: Scripted, count: int = 2, **settings) -> list[dict]:
    return writing.exercise([order(OrderKind.EXERCISE, count, seeds=0)], desk(ask, **settings))


def test_an_exercise_is_kept_with_its_own_solution_when_another_agrees():
    exercises = [written(1), written(2, "#### 5"), written(3, "no answer")]
    ask = Scripted(
        write_exercises=[ok(exercises)],
        label_skills=[ok(["count", "sum"])],
        solve=[ok("?"), ok("#### 4"), ok("It is 4.\n#### 4")],
    )
    drafts = exercise(ask, count=3, solutions=3, min_agreement=2)
    # own 4 and 4, 4; own 5 alone against 4, 4; none of its own and 4, 4
    assert kept(drafts) == ["2+2=4\n#### 4", "#### 4", "#### 4"]
    assert {one.sample for one in ask.asked["solve"]} == {1, 2}  # the first solution is the one that was written
    assert {(draft["origin"], tuple(draft["skills"]), draft["weight"]) for draft in drafts} == {
        ("exercise", ("sum",), 1.0)
    }


def test_one_solution_of_one_takes_an_exercise_as_it_is_written_if_it_has_an_answer():
    ask = Scripted(write_exercises=[ok([written(1), written(2, "who knows")])], label_skills=[ok(["sum"])], solve=[])
    drafts = exercise(ask)
    assert kept(drafts) == ["2+2=4\n#### 4"] and reasons(drafts) == ["no_agreement"]


def test_an_exercise_must_need_its_skill_and_is_not_solved_otherwise():
    ask = Scripted(write_exercises=[ok([written(1), written(2)])], label_skills=[ok(["count"]), ok(["sum"])], solve=[])
    drafts = exercise(ask)
    assert reasons(drafts) == ["skill_not_used"] and [d["question"] for d in drafts if not d["refused"]] == [
        "2 apples and 2 more?"
    ]
    (asked, _) = ask.asked["label_skills"]
    assert asked.allowed == ("count", "product", "sum")


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.FAILED, "teacher_label_failed"),
        (Outcome.TRUNCATED, "teacher_label_truncated"),
        (Outcome.UNKNOWN_SKILL, "skill_not_used"),
        (Outcome.EMPTY, "skill_not_used"),
    ],
)
def test_a_teacher_that_does_not_say_what_an_exercise_needs_is_told_from_one_that_says_others(outcome, reason):
    ask = Scripted(write_exercises=[ok([written(1)])], label_skills=[Reply(outcome=outcome)], solve=[])
    assert reasons(exercise(ask)) == [reason]


def test_an_update_has_one_example_of_each_question():
    ask = Scripted(write_questions=[ok([BODY])], solve=[ok("2+2=4\n#### 4"), ok("#### 4"), ok("#### 5")])
    for every, count in ((True, 2), (False, 1)):
        at = replace(desk(ask, solutions=3, min_agreement=2), all_solutions=every)
        assert len(kept(writing.synthesize([order(OrderKind.SYNTHESIZE)], at))) == count


def test_exercises_are_asked_for_a_few_at_a_time_and_each_wave_asks_for_others():
    ask = Scripted(write_exercises=[Reply(outcome=Outcome.MALFORMED)])
    drafts = exercise(ask, count=12, wave=2)
    assert [(one.count, one.index) for one in ask.asked["write_exercises"]] == [(5, 6), (5, 7), (2, 8)]
    assert reasons(drafts) == ["teacher_malformed"] * 3
    assert {one.learned for one in ask.asked["write_exercises"]} == {("count",)}


def test_lengths_have_bounds():
    ask = Scripted(write_exercises=[ok([written(1) | {"question": "2+2?"}])], label_skills=[ok(["sum"])], solve=[])
    assert reasons(exercise(ask)) == ["question_too_short"]
    ask.replies["write_exercises"] = [ok([written(1, "so " * 4000 + "\n#### 4")])]
    assert reasons(exercise(ask)) == ["solution_too_long"]


def test_a_composed_question_is_made_of_its_seeds():
    ask = Scripted(compose=[ok(written(1)), Reply(outcome=Outcome.EMPTY)], solve=[])
    orders = [order(OrderKind.COMPOSE, seeds=2), order(OrderKind.COMPOSE, seeds=3)]
    drafts = writing.compose(orders, desk(ask, wave=9))
    assert kept(drafts) == ["2+2=4\n#### 4"] and reasons(drafts) == ["teacher_empty"]
    assert drafts[-1]["parents"] == [SEED["question_id"]] * 2 and drafts[-1]["origin"] == "compose"
    assert [(len(one.questions), one.index) for one in ask.asked["compose"]] == [(2, 9), (3, 9)]


def test_a_teacher_is_told_what_the_graph_says_of_a_skill():
    graph = SkillGraph(
        {"sum": (), "loop": ()}, members={"loop": ("a", "b")}, descriptions={"sum": "plus", "a": "first", "other": "x"}
    )
    assert [writing._about(skill, graph) for skill in ("sum", "loop")] == ["plus", "a: first; b"]
    at = replace(desk(Scripted()), graph=graph, topic="arithmetic")
    asked = writing._passage_on("sum", 0, at)
    assert (asked.description, asked.prerequisites, asked.index, asked.subject) == ("plus", (), 0, "arithmetic")
    named = SkillGraph({"sum": ()}, subjects={"sum": "algebra"})
    assert writing._passage_on("sum", 0, replace(at, graph=named)).subject == "algebra"


def test_of_a_large_unit_the_first_members_are_told():
    members = tuple(f"skill_{n:03d}" for n in range(400))
    graph = SkillGraph({"ring": ()}, members={"ring": members}, descriptions=dict.fromkeys(members, "d" * 280))
    said = writing._about("ring", graph)
    assert "skill_039" in said and "skill_040" not in said and said.endswith("; and 360 more") and len(said) < 20_000


def test_a_skill_among_many_is_chosen_from_its_neighbours():
    skills = {f"s{n:03d}": (f"s{n - 1:03d}",) if n else () for n in range(100)}
    graph = SkillGraph(skills, {skill: "a" if n < 90 else "b" for n, skill in enumerate(skills)})
    choices = writing._choices("s050", graph)
    assert len(choices) == writing.MAX_CHOICES and {"s049", "s050", "s051"} <= set(choices)
    assert list(choices) == sorted(choices)


def test_a_question_that_is_its_seed_again_is_counted_and_nothing_is_paid_for_its_solutions():
    ask = Scripted(write_questions=[ok([BODY | {"question": "  1 + 1 ?"}, BODY])], solve=[ok("2 + 2 = 4\n#### 4")])
    drafts = writing.synthesize([order(OrderKind.SYNTHESIZE)], desk(ask))
    assert reasons(drafts) == ["seed_again"] and len(kept(drafts)) == 1
    assert [request.question.question for request in ask.asked["solve"]] == [BODY["question"]]


def test_other_numbers_make_another_question():
    long = "Ann has 12 red and 7 green apples in a large basket at home. How many apples does Ann have in all?"
    assert texts.same_question(long, long.replace("large basket", "big basket"))
    assert not texts.same_question(long, long.replace("12", "13"))
    assert not texts.same_question("2+3?", "3+2?")
