"""A whole run whose teacher is a language model that is sometimes wrong, busy or gone, and that costs money."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.errors import UnbelievableTeacherError
from skillray.grading.answers import extract_answer
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.types import seed_for
from tests.llm_server import Answer, llm_server, prompt_of
from tests.ray.test_loop import SMALL, supervise

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
STUDENT = {"name": "stat-syn", "curriculum": {"type": "stat-syn", "num_examples": 12, "keep": 0.25}}


def solutions_of_run() -> dict[str, str]:
    """Question -> solution, of the pool that is drawn from and the profile that is judged."""
    solutions = dict[str, str]()
    for split in ("pool", "profile"):
        drawn = DOMAINS["arithmetic"].questions(
            split, SMALL["data"][f"{split}_per_skill"], seed_for(0, "questions", split)
        )
        solutions |= {question.question: question.solution for question in drawn}
    return solutions


@dataclass
class Expert:
    """Knows the arithmetic domain, and sees nothing but prompts."""

    judge: str | None = None
    """What it says of every answer; without it, the truth."""
    solutions: dict[str, str] = field(default_factory=solutions_of_run)
    answered: Counter[str] = field(default_factory=Counter)
    """Bodies that got a whole answer."""
    written: set[str] = field(default_factory=set)
    """New questions."""
    babbled: set[str] = field(default_factory=set)
    """Those whose answer is of no use: they may be asked again."""

    def __call__(self, body: dict[str, Any], before: int) -> Answer:
        rng = random.Random(text := json.dumps(body))
        if (fault := rng.random()) < 0.1 and not before:
            return Answer(reset=True) if fault < 0.05 else Answer(status=503)
        self.answered[text] += 1
        if fault > 0.95:
            self.babbled.add(text)
            return Answer(text="Well, where to begin?")
        return Answer(text=self._say(prompt_of(body), rng))

    def _say(self, prompt: str, rng: random.Random) -> str:
        if asked := re.match(r'Write \d+ new questions? that needs? the skill "(.*)"', prompt):
            question = DOMAINS["arithmetic"].generate(asked[1], 2, rng)
            self.solutions[question.question] = question.solution
            self.written.add(question.question)
            return "Here you are: " + json.dumps({"reason": "", "draft": "", "questions": [question.question]})
        if prompt.startswith("Solve"):
            return self.solutions.get(prompt.split("Question:\n")[1].strip(), "I have not seen this one.")
        allowed = re.findall(r"^- (.*)$", prompt, re.MULTILINE)
        question, response = re.split(r"\n\nThe student's answer .*:\n", prompt.split("Question:\n")[1])
        answer = extract_answer(response.partition("\n\nAnswer with one JSON object")[0])
        judge = self.judge or ("correct" if answer == extract_answer(self.solutions[question]) else "incorrect")
        return json.dumps({"judge": judge, "reason": "", "skills": [] if judge == "correct" else [rng.choice(allowed)]})


def config_of(url: str, key: Path, **budget: Any) -> Any:
    teacher = {"type": "openai", "model": "expert", "url": url, "api_key_file": str(key)}
    teacher["price"] = {"prompt": 1.0, "completion": 2.0}
    writer = {"tasks": ["write_questions"], "teacher": teacher | {"model": "writer"}}
    run = {"teacher_by_task": [writer], "name": "llm-run", "students": [STUDENT], "teacher": teacher, "budget": budget}
    return parse(SMALL | run, "test")


def test_a_run_ends_at_its_budget_and_goes_on_with_a_larger_one(local_ray: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("any")
    run, expert = RunFolder(str(tmp_path / "run")), Expert()
    with llm_server(expert) as server:
        assert not supervise(config_of(server.url, tmp_path / "key", max_calls=20), run.path)
        status = read_json(run.status)
        assert "budget.max_calls 20 is reached" in status["students"]["stat-syn"]["error"]
        assert status["usage"]["teacher"]["calls"] == 20 == sum(expert.answered.values())

        assert supervise(config_of(server.url, tmp_path / "key", max_calls=2000, max_usd=5.0), run.path)
        teacher = read_json(run.status)["usage"]["teacher"]
        twice = {body for body, count in expert.answered.items() if count > 1}
        assert twice <= expert.babbled, "an answer was paid for twice"
        assert teacher["calls"] == sum(expert.answered.values())
        assert teacher["by_task"].keys() == {"name_missing_skills", "write_questions", "solve"}
        assert teacher["by_round"].keys() == {"stat-syn/round-000", "stat-syn/round-001"}
        tokens = teacher["prompt_tokens"] + 2 * teacher["completion_tokens"]
        assert teacher["usd"] == pytest.approx(tokens / 1e6, abs=1e-6)
        writing = [body["model"] == "writer" for body in server.calls]
        assert writing == [prompt_of(body).startswith("Write") for body in server.calls] and any(writing)
        by_teacher = teacher["by_teacher"]
        assert by_teacher["write-questions"]["calls"] == teacher["by_task"]["write_questions"]["calls"]
        assert sum(one["calls"] for one in by_teacher.values()) == teacher["calls"]
        check = read_json(run.status)["teacher_check"]
        assert check["wrong_found"]["hits"] > 5 and check["right_found"]["hits"] > 5
        assert check["new_questions"]["cases"] == 20
        asked = teacher["by_task"]["name_missing_skills"]["outcomes"]
        assert asked["ok"] > asked.get("malformed", 0)
    gaps = run.round("stat-syn", 0).table("gaps").read(["outcome", "missing_skills"]).to_pylist()
    assert all(bool(gap["missing_skills"]) == (gap["outcome"] == "ok") for gap in gaps)
    examples = run.round("stat-syn", 0).segment().table("examples").read(["question", "origin"]).to_pylist()
    new = [row for row in examples if row["origin"] == "synthesize"]
    assert len(new) > 5 and all(row["question"] in expert.written for row in new)


def test_a_teacher_that_calls_everything_correct_ends_the_run_before_the_rest_is_paid(
    local_ray: Path, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("any")
    run, yes_sayer = RunFolder(str(tmp_path / "run")), Expert(judge="correct")
    with (
        llm_server(yes_sayer) as server,
        pytest.raises(
            UnbelievableTeacherError, match=r"it judges \d wrong .*min_wrong_found is 0.7: it is not believed"
        ),
    ):
        supervise(config_of(server.url, tmp_path / "key"), run.path)
    status = read_json(run.status)
    assert (
        status["state"] == "failed" and "min_wrong_found" in status["error"] + status["students"]["stat-syn"]["error"]
    )
    assert status["usage"]["teacher"]["calls"] <= 40 + len(yes_sayer.babbled)
    assert not run.round("stat-syn", 0).table("gaps").complete()
