"""Chat templates, and prompts, that a student cannot be asked with: `plan` renders them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.tiny import TEMPLATE
from tests.unit.bad_input.kinds import field, model
from tests.unit.chat import templates

UNANSWERED = TEMPLATE.replace("{{ m['content'] }}", "{{ m['content'] if m['role'] == 'user' }}")
AT = "students.model: the chat template of "


def of(template: str, **tokens: str | None) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": template} | tokens))

    return spoil


def of_a_processor(text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        of("")(folder)
        (folder / "chat_template.json").write_text(text)

    return spoil


def long_questions(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_position_embeddings": 8}))


CASES = [
    model("template-does-not-parse", of("{% for m in messages %}"), AT, "fails (", "mend it"),
    model("template-of-a-list", of("{{ messages }}"), AT, "does not continue its"),
    model("template-without-question", of("<|user|>"), AT, "does not write the question"),
    model("template-wants-system", of(templates.WANTS_SYSTEM), AT, "first a system turn", "set rollout.prompt.system"),
    model("template-takes-no-system", of(templates.GEMMA), AT, "no system turns here",
          value="rollout.prompt.system=Be brief."),
    model("template-without-answer", of(UNANSWERED),
          AT, "does not write the answer"),
    model("template-of-another-prompt", of(templates.CHATML.replace("<|im_start|>assistant", "<|bot|>")), AT,
          "does not continue its generation prompt"),
    model("template-never-ends", of(templates.NO_END, eos_token=None), AT, "no answer would end"),
    model("template-argument-unknown", lambda m: None, "rollout.prompt.template.enable_thinking",
          "reads no such argument", value="rollout.prompt.template={enable_thinking: false}"),
    model("template-of-a-processor-damaged", of_a_processor("{"), "chat_template.json"),
    model("template-of-a-processor-empty", of_a_processor("{}"), "no chat template"),
    field("prompt-date-is-none", "rollout.prompt.date=2026-02-30", "must be a day as YYYY-MM-DD; got '2026-02-30'"),
    field("prompt-unknown", "rollout.prompt.sytem=x", "unknown field 'rollout.prompt.sytem'", "did you mean 'system'"),
    field("prompt-example-half", "rollout.prompt.examples=[{question: a}]", "examples.0.answer", "must be given"),
    field("top-p-of-zero", "rollout.top_p=0.0", "rollout.top_p"),
    field("penalty-of-three", "rollout.presence_penalty=3.0", "rollout.presence_penalty"),
]  # fmt: skip
RIGHT = [
    model("template-of-parts", of(templates.PARTS)),
    model("template-opens-thoughts", of(templates.R1)),
    model("template-ends-in-a-space", of(templates.SPACE)),
    model("template-of-a-processor", of_a_processor(json.dumps({"chat_template": templates.PARTS}))),
    model("template-with-its-system", of(templates.WANTS_SYSTEM), value="rollout.prompt.system=Be brief."),
    model("no-eos-no-pad", of(templates.CHATML.replace("<|im_end|>", "<extra_0>"), eos_token=None)),
]
