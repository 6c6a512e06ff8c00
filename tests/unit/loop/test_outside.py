"""Tasks of lm-evaluation-harness: what is made of its log, and, where it is installed, a task of our own."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from skillray.errors import DataError, MissingExtraError
from skillray.loop import outside
from skillray.loop.outside import Outside, as_values, need_harness, run_tasks, values_in


def sample(doc: int, **more: Any) -> dict[str, Any]:
    return {"doc_id": doc, "metrics": ["exact_match"], "filter": "strict", "exact_match": 1.0} | more


def test_a_question_counts_once_and_by_the_first_filter() -> None:
    logged = {"gsm": [sample(0), sample(1, exact_match=0.0), sample(1, filter="loose")]}
    found = values_in("gsm", ["gsm"], logged)
    assert found == {"metric": "exact_match", "values": {"gsm/0": 1.0, "gsm/1": 0.0}}
    assert as_values(found).mean == 0.5


def test_a_group_has_the_questions_of_all_its_tasks() -> None:
    logged = {"law": [sample(0)], "art": [sample(0, exact_match=False)]}
    assert values_in("mmlu", ["law", "art"], logged)["values"] == {"law/0": 1.0, "art/0": 0.0}


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([sample(0, metrics=["ppl"], ppl=[1, 2])], "'ppl' is no number of each question"),
        ([sample(0, exact_match=7.5)], "not within 0 and 1"),
        ([], "logged no question"),
    ],
)
def test_what_cannot_be_compared_is_refused(samples: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        values_in("t", ["t"], {"t": samples})


def test_without_the_extra_one_line_says_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "skillray\[lm-eval\]"'):
        need_harness()


TASK = """
task: tiny_sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {path}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["#### 4", "#### 11"]
doc_to_target: answer
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is an extra")
def test_a_task_of_our_own_with_the_embedded_student(tmp_path: Path) -> None:
    rows = [{"question": f"{a} + {b} = ?", "answer": int(a + b == 11)} for a, b in ((2, 2), (1, 3), (5, 6), (4, 7))]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tiny.yaml").write_text(TASK.format(path=tmp_path / "sums.jsonl"))
    found = run_tasks("embedded", Outside(("tiny_sums",), str(tmp_path)), batch_size=2, dtype="fp32")
    assert found["tiny_sums"]["metric"] == "acc" and len(found["tiny_sums"]["values"]) == 4
    assert set(found["tiny_sums"]["values"].values()) <= {0.0, 1.0}
    with pytest.raises(DataError, match="lm-eval has no task 'no_such_task'"):
        run_tasks("embedded", Outside(("no_such_task",)), batch_size=2, dtype="fp32")
