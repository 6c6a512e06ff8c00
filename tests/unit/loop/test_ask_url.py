"""Evaluation questions to a server that speaks chat completions."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from skillray.chat.prompt import StudentPrompt
from skillray.chat.sampling import Sampling
from skillray.errors import DataError
from skillray.loop.ask_url import AskUrl
from skillray.store.schemas import QUESTIONS
from skillray.types import content_id
from tests.llm_server import Answer, llm_server


def questions(*texts: str) -> pa.Table:
    plain = {"answer": "1", "solution": "", "skills": [], "split": "x"}
    return pa.Table.from_pylist([plain | {"question_id": content_id(t), "question": t} for t in texts], QUESTIONS)


def stage(url: str, **sampling: Any) -> AskUrl:
    prompt = StudentPrompt(system="Be brief.", suffix=" Box it.")
    return AskUrl(url, "m", prompt, Sampling(max_new_tokens=9, **sampling), samples=2, seed=5)


def test_every_sample_is_a_call_of_its_own_in_the_students_words() -> None:
    def answer(body: dict[str, Any], before: int) -> Answer:
        text = body["messages"][-1]["content"]
        return Answer(text=f"<{text}>", finish_reason="length" if text.startswith("b") else "stop")

    with llm_server(answer) as server:
        rows = stage(server.url, temperature=0.7, top_p=0.9).open()(questions("a?", "b?")).to_pylist()
    assert [(row["question"], row["sample"], row["response"], row["finished"]) for row in rows] == [
        ("a?", 0, "<a? Box it.>", True),
        ("a?", 1, "<a? Box it.>", True),
        ("b?", 0, "<b? Box it.>", False),
        ("b?", 1, "<b? Box it.>", False),
    ]
    assert all(body["messages"][0] == {"role": "system", "content": "Be brief."} for body in server.calls)
    assert {(body["temperature"], body["top_p"], body["max_tokens"]) for body in server.calls} == {(0.7, 0.9, 9)}
    assert len({body["seed"] for body in server.calls}) == 4


def test_a_refusal_is_one_line_with_the_servers_words() -> None:
    refusal = llm_server(lambda body, before: Answer(status=400, error="no model m"))
    with refusal as server, pytest.raises(DataError, match=r"refuses a question of model m.*no model m"):
        stage(server.url).open()(questions("a?"))
