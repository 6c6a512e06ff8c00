"""openai's client against a server that is slow, busy, broken, picky or gone."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from skillray.errors import TeacherError
from skillray.teacher.llm_teacher import Completion
from skillray.teacher.openai_completer import DOWN_AFTER, OpenAICompleter, connect, read_key
from skillray.teacher.settings import OpenAITeacherConfig
from tests.llm_server import Answer, Server, llm_server

SCHEMA = {"type": "object"}
SAMPLING = {"temperature": 0.0, "max_tokens": 7, "seed": 3}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "canary")


def settings(server: Server, **more: Any) -> OpenAITeacherConfig:
    return OpenAITeacherConfig(model="m", url=server.url, api_key_env="TEACHER_KEY", **more)


def complete(server: Server, *prompts: str, **more: Any) -> list[Completion]:
    async def all_of_them() -> list[Completion]:
        config = settings(server, **more)
        completer = OpenAICompleter(config, connect(config))
        return list(await asyncio.gather(*(completer.complete(prompt, SAMPLING, SCHEMA) for prompt in prompts)))

    return asyncio.run(all_of_them())


def test_what_is_sent_and_what_comes_back() -> None:
    with llm_server(lambda body, before: Answer(text="one two", finish_reason="length")) as server:
        assert complete(server, "a b c") == [
            Completion(text="one two", finish_reason="length", prompt_tokens=3, completion_tokens=2)
        ]
    [sent] = server.calls
    assert (sent["model"], sent["temperature"], sent["seed"], sent["max_completion_tokens"]) == ("m", 0.0, 3, 7)
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert server.keys == {"Bearer canary"}


def test_calls_run_at_once() -> None:
    with llm_server(lambda body, before: Answer(after_s=1.0)) as server:
        complete(server, "warm up")
        start = time.monotonic()
        complete(server, *map(str, range(64)))
        assert time.monotonic() - start < 32 and server.most_at_once > 32  # one after another: 64 s


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"status": 429}, {"reset": True}, {"cut": True}])
def test_a_fault_that_passes_is_not_seen(fault: dict[str, Any]) -> None:
    with llm_server(lambda body, before: Answer(text="yes") if before else Answer(**fault)) as server:
        assert [answer.text for answer in complete(server, "a")] == ["yes"]
        assert len(server.calls) == 2


def test_retry_after_is_kept() -> None:
    busy = Answer(status=429, headers={"Retry-After": "1"})
    with llm_server(lambda body, before: Answer(text="yes") if before else busy) as server:
        start = time.monotonic()
        complete(server, "a")
        assert time.monotonic() - start >= 1.0


def test_a_request_that_is_refused_fails_alone() -> None:
    def script(body: dict[str, Any], before: int) -> Answer:
        return Answer(status=400, error="too long") if "bad" in str(body) else Answer(text="yes")

    with llm_server(script) as server:
        good, bad = complete(server, "good", "bad")
    assert (good.text, good.finish_reason) == ("yes", "stop")
    assert bad.finish_reason == "error" and "too long" in bad.text
    assert sum("bad" in prompt for prompt in server.prompts()) == 1  # asking again would not help


@pytest.mark.parametrize("name", ["response_format", "seed", "temperature", "max_completion_tokens"])
def test_a_parameter_that_a_server_does_not_take_is_left_out_from_then_on(name: str) -> None:
    def script(body: dict[str, Any], before: int) -> Answer:
        return Answer(status=400, error=f"unsupported: {name}") if name in body else Answer(text="yes")

    async def twice(server: Server) -> list[Completion]:
        completer = OpenAICompleter(config := settings(server), connect(config))
        return [await completer.complete(prompt, SAMPLING, SCHEMA) for prompt in ("a", "b")]

    with llm_server(script) as server:
        assert [answer.text for answer in asyncio.run(twice(server))] == ["yes", "yes"]
    assert [name in body for body in server.calls] == [True, False, False]
    assert all(body.get("max_tokens", body.get("max_completion_tokens")) == 7 for body in server.calls)


@pytest.mark.parametrize(
    ("status", "told"), [(401, "refuses the key"), (403, "refuses the key"), (404, "knows no model")]
)
def test_what_concerns_every_request_is_raised_at_once(status: int, told: str) -> None:
    with llm_server(lambda body, before: Answer(status=status)) as server, pytest.raises(TeacherError, match=told):
        complete(server, "a")
    assert len(server.calls) == 1


def test_a_server_that_is_down_ends_it_and_one_that_is_down_for_a_few_does_not() -> None:
    broken = Answer(status=500, error="overheated")
    with llm_server(lambda body, before: broken) as server:
        few = complete(server, *map(str, range(DOWN_AFTER - 1)), max_retries=0)
        assert {answer.finish_reason for answer in few} == {"error"}
        with pytest.raises(TeacherError, match=f"{DOWN_AFTER} calls in a row failed.*overheated"):
            complete(server, *map(str, range(DOWN_AFTER)), max_retries=0)


def test_ten_megabytes_are_an_answer_and_no_choices_are_a_failure() -> None:
    def script(body: dict[str, Any], before: int) -> Answer:
        return Answer(text="x" * 10_000_000) if "long" in str(body) else Answer(body=b'{"choices": []}')

    with llm_server(script) as server:
        long, none = complete(server, "long", "none")
    assert len(long.text) == 10_000_000 and none.finish_reason == "error"


def test_nobody_at_the_url_is_one_line() -> None:
    config = OpenAITeacherConfig(model="m", url="http://127.0.0.1:9/v1", api_key_env="TEACHER_KEY", max_retries=0)
    with pytest.raises(TeacherError, match=r"teacher.url http://127.0.0.1:9/v1: nobody answers .* check it"):
        asyncio.run(OpenAICompleter(config, connect(config)).check())


def test_the_key_is_in_a_file_or_the_environment_and_its_absence_one_line(tmp_path, monkeypatch) -> None:
    (tmp_path / "key").write_text("in a file\n")
    assert read_key(OpenAITeacherConfig(model="m", api_key_file=str(tmp_path / "key"))) == "in a file"
    assert read_key(OpenAITeacherConfig(model="m", api_key_env="TEACHER_KEY")) == "canary"
    monkeypatch.delenv("TEACHER_KEY")
    with pytest.raises(TeacherError, match="environment variable TEACHER_KEY is empty on the teacher's node"):
        read_key(OpenAITeacherConfig(model="m", api_key_env="TEACHER_KEY"))
    with pytest.raises(TeacherError, match=r"api_key_file .*/gone: No such file"):
        read_key(OpenAITeacherConfig(model="m", api_key_file=str(tmp_path / "gone")))


def test_a_key_is_what_a_request_can_send(tmp_path) -> None:
    """A byte order mark and line ends, as Windows writes them, are no part of it."""
    path, config = tmp_path / "key", OpenAITeacherConfig(model="m", api_key_file=str(tmp_path / "key"))
    path.write_bytes(b"\xef\xbb\xbfsk-abc\r\n")
    assert read_key(config) == "sk-abc"
    for content, problem in (
        ("sk-ä".encode(), "no request can send"),
        (b"sk-a\nsk-b", "no request can send"),
        ("sk-abc".encode("utf-16"), "is not UTF-8 text; save it as UTF-8"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
    ):
        path.write_bytes(content)
        with pytest.raises(TeacherError, match=f"teacher.api_key_file .*/key .*{problem}"):
            read_key(config)


def test_what_one_refusal_says_of_its_request_changes_nothing_for_others() -> None:
    """Too long a prompt, a filtered one that is quoted, a schema: the request after it is sent whole."""
    refusals = {
        "long": Answer(status=400, error="max_completion_tokens is too large: 7. This model has room for 4"),
        "quoted": Answer(status=400, error="filtered: 'quoted: temperature is not supported, unknown parameter: seed'"),
        "schema": Answer(status=400, error="Invalid schema for response_format 'reply'", param="response_format"),
        "value": Answer(status=400, error="temperature must be at most 2", param="temperature"),
    }

    def script(body: dict[str, Any], before: int) -> Answer:
        said = next((answer for word, answer in refusals.items() if word in str(body["messages"])), Answer(text="yes"))
        return Answer(text="yes") if "schema" in str(body["messages"]) and "response_format" not in body else said

    async def one_after_another(server: Server) -> list[Completion]:
        completer = OpenAICompleter(config := settings(server), connect(config))
        prompts = ("long", "quoted: temperature is not supported, unknown parameter: seed", "schema", "value", "plain")
        return [await completer.complete(prompt, SAMPLING, SCHEMA) for prompt in prompts]

    with llm_server(script) as server:
        answers = asyncio.run(one_after_another(server))
    assert [answer.finish_reason for answer in answers] == ["error", "error", "stop", "error", "stop"]
    usual = {"model", "messages", "temperature", "seed", "max_completion_tokens", "response_format"}
    assert set(server.calls[-1]) == usual and len(server.calls) == 6


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("max_completion_tokens", "Unrecognized request argument supplied: max_completion_tokens"),
        ("seed", "property 'seed' is unsupported"),
        ("seed", 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'),
        ("response_format", "This response_format type is unavailable now"),
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),
        ("seed", "seed: Extra inputs are not permitted"),
        ("seed", "this model does not support the parameter seed"),
    ],
)
def test_a_parameter_that_is_named_as_unknown_is_left_out(name: str, error: str) -> None:
    def script(body: dict[str, Any], before: int) -> Answer:
        return Answer(status=400, error=error) if name in body else Answer(text="yes")

    with llm_server(script) as server:
        [answer] = complete(server, "a")
    assert answer.text == "yes" and answer.without == {name}


def test_a_parameter_that_is_left_out_in_vain_is_sent_again() -> None:
    def script(body: dict[str, Any], before: int) -> Answer:
        if "odd" not in str(body):
            return Answer(text="yes")
        return Answer(status=400, error="unknown parameter: seed" if "seed" in body else "out of memory")

    async def twice(server: Server) -> list[Completion]:
        completer = OpenAICompleter(config := settings(server), connect(config))
        return [await completer.complete(prompt, SAMPLING, SCHEMA) for prompt in ("odd", "plain")]

    with llm_server(script) as server:
        odd, plain = asyncio.run(twice(server))
    assert (odd.finish_reason, plain.text) == ("error", "yes") and "seed" in server.calls[-1]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "2 + 3"}, {"type": "text", "text": " = 5"}], "2 + 3 = 5"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "7?"}]}, {"type": "text", "text": "5"}], "5"),
        ([{"type": "reasoning", "text": "7?"}, {"type": "output_text", "text": {"value": "5"}}], "5"),
        (["5"], "5"),
        ([], ""),
        (None, ""),
    ],
)
def test_parts_of_a_content_are_its_texts_without_thoughts(content: Any, text: str) -> None:
    message = {"role": "assistant", "content": content, "reasoning_content": "7?"}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": "m"}).encode()
    with llm_server(lambda _, before: Answer(body=body)) as server:
        assert [answer.text for answer in complete(server, "a")] == [text]
