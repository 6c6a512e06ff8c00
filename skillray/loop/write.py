"""What a teacher writes, kind by kind: requests out, drafts of examples back. A draft that is no example says why.

synthesize   write_questions after seeds, solve several times, agreement   (STAT-Syn)
augment      the reference solution in other words, same answer            (MATH-Augment)
textbook     write_textbook                                                (DSA)
exercise     write_exercises, does it need the skill?, solve, agreement    (DSA)
compose      one harder question of easy ones, solve, agreement            (DSA)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skillray.curriculum.base import OrderKind
from skillray.curriculum.exercises import EXERCISES_PER_CALL
from skillray.errors import StageError
from skillray.grading.answers import extract_answer
from skillray.grading.texts import same_question
from skillray.loop.questions import question_of
from skillray.protocols import Ask
from skillray.skills.graph import SkillGraph
from skillray.teacher.agreement import SameAnswer, agree
from skillray.teacher.tasks import (
    Compose,
    LabelSkills,
    Outcome,
    Reply,
    Request,
    Rewrite,
    Solve,
    Task,
    WriteExercises,
    WriteQuestions,
    WriteTextbook,
)
from skillray.types import Id, Question, content_id

Row = dict[str, Any]
MAX_CHOICES = 40
"""Skills that the teacher is shown when it is asked which of them an exercise needs."""
MAX_MEMBERS = 40
"""Of a study unit, that the teacher is told of."""
LENGTHS = {"question": (5, 4_000), "solution": (1, 8_000), "passage": (200, 60_000)}
"""Characters, least and most; what is longer than a student's `max_length` in tokens is left out later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a writer has at hand."""

    ask: Ask
    same: SameAnswer
    seeds: Mapping[Id, Row]
    """By question_id, as rows of QUESTIONS."""
    graph: SkillGraph
    solutions: int
    min_agreement: int
    wave: int
    topic: str = ""
    """What all of the graph is about; the subject of skills that have none."""
    all_solutions: bool = True
    """An example of every solution that agrees, as STAT-Syn; an update orders one for each question."""


def synthesize(orders: Sequence[Row], desk: Desk) -> list[Row]:
    """STAT-Syn (arXiv 2510.10023, B.2): write after seeds, solve several times, keep what agrees."""
    requests = [
        WriteQuestions(skill=order["skill"], seeds=_seeds(order, desk), count=order["count"], index=desk.wave)
        for order in orders
    ]
    found, drafts = asked_of(Task.WRITE_QUESTIONS, orders, requests, desk)
    pairs = [(order, question_in(body)) for order, value in found for body in value]
    again = [pair for pair in pairs if _is_seed(*pair, desk)]
    drafts += [draft(*pair, None, pair[0]["question_ids"], "seed_again") for pair in again]
    pairs = [pair for pair in pairs if not _is_seed(*pair, desk)]
    for (order, question), texts in zip(pairs, _solutions(pairs, desk, own=False), strict=True):
        agreeing = _agreeing(texts, desk)
        for text in (agreeing if desk.all_solutions else agreeing[:1]) or [None]:
            drafts.append(draft(order, question, text, order["question_ids"], _problem(question, text, texts, desk)))
    return drafts


def augment(orders: Sequence[Row], desk: Desk) -> list[Row]:
    """MATH-Augment (arXiv 2510.10023, 3.1): one rewrite a wave, kept if its final answer equals the reference.

    The paper does not filter; a rewrite with another answer would teach that the reference is wrong.
    """
    wanted = [order for order in orders if desk.wave < order["count"]]
    requests = [Rewrite(question=_seeds(order, desk)[0], index=desk.wave) for order in wanted]
    found, drafts = asked_of(Task.SOLVE, wanted, requests, desk)
    for order, text in found:
        question, answer = _seeds(order, desk)[0], extract_answer(text)
        right = answer is not None and desk.same(answer, question.answer)
        drafts.append(draft(order, question, text, [question.question_id], None if right else "another_answer"))
    return drafts


def textbook(orders: Sequence[Row], desk: Desk) -> list[Row]:
    """DSA's textbook data (arXiv 2412.19361): `count` passages on a skill, each an example of its own."""
    wanted = [(order, desk.wave * order["count"] + n) for order in orders for n in range(order["count"])]
    requests = [_passage_on(order["skill"], index, desk) for order, index in wanted]
    found, drafts = asked_of(Task.WRITE_TEXTBOOK, [order for order, _ in wanted], requests, desk)
    return drafts + [_passage(order, text) for order, text in found]


def exercise(orders: Sequence[Row], desk: Desk) -> list[Row]:
    """DSA's exercise data (arXiv 2412.19361): the solution must use the skill, and enough solutions must agree."""
    calls = [(order, request) for order in orders for request in _exercise_calls(order, desk)]
    found, drafts = asked_of(Task.WRITE_EXERCISES, *_unzipped(calls), desk)
    pairs = [(order, question_in(body)) for order, value in found for body in value]
    problems = _skill_problems(pairs, desk)
    drafts += [draft(*pair, pair[1].solution, [], why) for pair, why in zip(pairs, problems, strict=True) if why]
    return drafts + with_own_solution([pair for pair, why in zip(pairs, problems, strict=True) if not why], desk)


def compose(orders: Sequence[Row], desk: Desk) -> list[Row]:
    """DSA's easy examples (arXiv 2412.19361): two or more put together to one harder problem."""
    requests = [Compose(questions=_seeds(order, desk), index=desk.wave) for order in orders]
    found, drafts = asked_of(Task.COMPOSE, orders, requests, desk)
    return drafts + with_own_solution([(order, question_in(body)) for order, body in found], desk)


WRITERS: Mapping[str, Callable[[Sequence[Row], Desk], list[Row]]] = {
    OrderKind.SYNTHESIZE: synthesize,
    OrderKind.AUGMENT: augment,
    OrderKind.TEXTBOOK: textbook,
    OrderKind.EXERCISE: exercise,
    OrderKind.COMPOSE: compose,
}


def draft(order: Row, question: Question, text: str | None, parents: Sequence[Id], refused: str | None) -> Row:
    """A row of DRAFTS, without its tokens."""
    response = text or ""
    return {
        "example_id": content_id(question.question, response),
        "question_id": content_id(question.question),
        "question": question.question,
        "response": response,
        "skills": list(question.skills),
        "origin": order["kind"],
        "parents": list(parents),
        "multiplicity": 1,
        "weight": order["weight"],
        "unit": order["unit"],
        "refused": refused,
    }


def _passage(order: Row, text: str) -> Row:
    """Without a question: what is told apart by its question is told apart by its text."""
    row = draft(order, _nothing([order["skill"]]), text, [], _length_problem("passage", text))
    return row | {"question_id": row["example_id"]}


def with_own_solution(pairs: Sequence[tuple[Row, Question]], desk: Desk) -> list[Row]:
    """One example each: its own solution, or the first that agrees where its own does not."""
    drafts = []
    for (order, question), texts in zip(pairs, _solutions(pairs, desk, own=True), strict=True):
        text = next(iter(_agreeing(texts, desk)), None)
        drafts.append(draft(order, question, text, order["question_ids"], _problem(question, text, texts, desk)))
    return drafts


def _solutions(pairs: Sequence[tuple[Row, Question]], desk: Desk, own: bool) -> list[list[str]]:
    """`desk.solutions` texts of each question, "" where none came; `own`: the first is the one it came with."""
    samples = range(1 if own else 0, desk.solutions)
    solves = [Solve(question=question, sample=n) for _, question in pairs for n in samples]
    replies = desk.ask(Task.SOLVE, solves) if solves else []
    texts = [reply.value if _usable(reply, Task.SOLVE) else "" for reply in replies]
    each = len(samples)
    parts = [texts[place * each : (place + 1) * each] for place in range(len(pairs))]
    return [[question.solution, *part] if own else part for (_, question), part in zip(pairs, parts, strict=True)]


def _agreeing(texts: Sequence[str], desk: Desk) -> list[str | None]:
    answers = [extract_answer(text) for text in texts]
    return list(agree(texts, answers, desk.same, desk.min_agreement).solutions)


def _problem(question: Question, text: str | None, texts: Sequence[str], desk: Desk) -> str | None:
    """Why this question with the solution `text`, which is None where none of `texts` agree, is no example."""
    if text is None:
        return "too_few_solutions" if len(list(filter(None, texts))) < desk.min_agreement else "no_agreement"
    return _length_problem("question", question.question) or _length_problem("solution", text)


def _length_problem(kind: str, text: str) -> str | None:
    least, most = LENGTHS[kind]
    return f"{kind}_too_short" if len(text) < least else f"{kind}_too_long" if len(text) > most else None


def asked_of(
    task: Task, orders: Sequence[Row], requests: Sequence[Request], desk: Desk
) -> tuple[list[tuple[Row, Any]], list[Row]]:
    """The value of each reply with its order; and for a reply that has none, a draft that says so."""
    replies = desk.ask(task, list(requests)) if requests else []
    found, drafts = [], []
    for order, reply in zip(orders, replies, strict=True):
        if _usable(reply, task):
            found.append((order, reply.value))
        else:
            drafts.append(draft(order, _nothing([]), None, [], f"teacher_{reply.outcome}"))
    return found, drafts


def _usable(reply: Reply, task: Task) -> bool:
    if reply.outcome is Outcome.UNSUPPORTED:
        raise StageError(f"fulfil: the teacher cannot {task.replace('_', ' ')} for these data; set another `teacher`")
    return reply.outcome is Outcome.OK


def _skill_problems(pairs: Sequence[tuple[Row, Question]], desk: Desk) -> list[str | None]:
    """None where the teacher, shown the exercise alone, names the skill that it was written for; else why not."""
    choices = {skill: _choices(skill, desk.graph) for skill in {order["skill"] for order, _ in pairs}}
    requests = [LabelSkills(question=question, allowed=choices[order["skill"]]) for order, question in pairs]
    replies = desk.ask(Task.LABEL_SKILLS, requests) if requests else []
    return [_skill_problem(order["skill"], reply) for (order, _), reply in zip(pairs, replies, strict=True)]


def _skill_problem(skill: str, reply: Reply) -> str | None:
    if _usable(reply, Task.LABEL_SKILLS):
        return None if skill in reply.value else "skill_not_used"
    named_others = reply.outcome in (Outcome.EMPTY, Outcome.UNKNOWN_SKILL)
    return "skill_not_used" if named_others else f"teacher_label_{reply.outcome}"


def _choices(skill: str, graph: SkillGraph) -> tuple[str, ...]:
    """Skills to choose from: itself, what it builds on, what builds on it, then others of its subject."""
    after = [name for name, needs in graph.prerequisites.items() if skill in needs]
    others = graph.allowed(graph.subjects.get(skill, ""))
    near = dict.fromkeys([skill, *graph.prerequisites.get(skill, ()), *after, *others])
    return tuple(sorted(list(near)[:MAX_CHOICES]))


def _passage_on(skill: str, index: int, desk: Desk) -> WriteTextbook:
    subject, needs = desk.graph.subjects.get(skill, desk.topic), desk.graph.prerequisites.get(skill, ())
    about = _about(skill, desk.graph)
    return WriteTextbook(skill=skill, subject=subject, description=about, prerequisites=needs, index=index)


def _about(skill: str, graph: SkillGraph) -> str:
    """What the graph says of a skill; of a unit of skills that need each other, what each of the first members is."""
    said, members = [graph.descriptions.get(skill, "")], graph.members.get(skill, ())
    said += [": ".join(filter(None, (one, graph.descriptions.get(one, "")))) for one in members[:MAX_MEMBERS]]
    said += [f"and {len(members) - MAX_MEMBERS} more"] if len(members) > MAX_MEMBERS else []
    return "; ".join(filter(None, said))


def _exercise_calls(order: Row, desk: Desk) -> list[WriteExercises]:
    skill, graph = order["skill"], desk.graph
    starts = range(0, order["count"], EXERCISES_PER_CALL)
    counts = [min(EXERCISES_PER_CALL, order["count"] - start) for start in starts]
    return [
        WriteExercises(
            skill=skill,
            subject=graph.subjects.get(skill, desk.topic),
            description=_about(skill, graph),
            learned=graph.prerequisites.get(skill, ()),
            count=count,
            index=desk.wave * len(counts) + place,
        )
        for place, count in enumerate(counts)
    ]


def _seeds(order: Row, desk: Desk) -> tuple[Question, ...]:
    return tuple(question_of(desk.seeds[question_id]) for question_id in order["question_ids"])


def _is_seed(order: Row, question: Question, desk: Desk) -> bool:
    """Whether a new question is one of those that it was to be like: nothing is paid for its solutions."""
    return any(same_question(question.question, seed.question) for seed in _seeds(order, desk))


def question_in(body: Row) -> Question:
    return Question(**body | {"question_id": content_id(body["question"]), "skills": tuple(body["skills"])})


def _nothing(skills: Sequence[str]) -> Question:
    return Question(question_id=b"", question="", answer="", solution="", skills=tuple(skills))


def _unzipped(pairs: Sequence[tuple[Row, Any]]) -> tuple[list[Row], list[Any]]:
    return [first for first, _ in pairs], [second for _, second in pairs]
