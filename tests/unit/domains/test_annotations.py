"""GSM8K's calculator annotations, by hand and on the real files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from skillray.domains.arithmetic.annotations import check_annotations

GSM8K = Path(__file__).parents[4] / "shared" / "data" / "gsm8k"


@pytest.mark.parametrize(
    ("line", "score"),
    [
        ("Natalia sold 48/2 = <<48/2=24>>24 clips in May.", 1),
        ("Natalia sold 48/2 = <<48/2=25>>25 clips in May.", 0),
        ("She earns $<<12/60=0.2>>0.2 a minute.", 1),
        ("It is <<10/3=3.33>>3.33 each.", 1),
        ("It is <<7/2=3>>3 each.", 0),
        ("He saves $<<1,000*20%=200>>200.", 1),
        ("That is <<10/50*100=20%>>20%.", 1),
        ("That is <<10/50=20%>>20%.", 1),
        ("It costs <<$5*2=$10>>$10.", 1),
        ("Two here, <<1+1=2>>2 and <<2+2=5>>5.", 0),
        ("Malformed <<48/2>> here.", 0),
        ("Malformed <<=24>> here.", 0),
        ("Open <<48/2=24 here.", 0),
        ("Huge <<9**9**9=1>>.", 0),
        ("By zero <<1/0=1>>.", 0),
        ("No claim at all.", 1),
        ("#### 72", 1),
        ("She pays 3+4=8 dollars.", 0),
        ("She pays 3 + 4 = 7 dollars.", 1),
        ("Mixed numbers are prose: 1 1/2 * 2 = 3 cups.", 1),
    ],
)
def test_one_line(line: str, score: float) -> None:
    (only,) = check_annotations(line)
    assert (only.score, only.skill) == (score, None)


def test_a_line_a_score_and_blank_lines_none() -> None:
    assert [s.score for s in check_annotations("<<1+1=2>>\n\n<<1+1=3>>\n#### 2\n")] == [1, 0, 1]
    assert check_annotations("") == ()


@pytest.mark.parametrize("text", ["<<" * 300_000, "<<" + "(" * 1_000_000 + ">>", "1+" * 500_000, "<<1=1>>" * 100_000])
def test_hostile_text_does_not_hang(text: str) -> None:
    assert [score.score for score in check_annotations(text)] == [0.0]


def rows(name: str) -> list[dict[str, object]]:
    if not (GSM8K / name).exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{GSM8K / name} is absent")
        pytest.skip(f"{GSM8K / name} is absent")
    table: list[dict[str, object]] = pq.read_table(GSM8K / name).to_pylist()
    return table


def test_nearly_all_reference_steps_of_gsm8k_pass() -> None:
    scores = [s.score for row in rows("train.parquet") for s in check_annotations(str(row["solution"]))]
    assert len(scores) > 20_000
    assert sum(scores) / len(scores) > 0.998


def test_what_is_flagged_in_real_answers_is_mostly_wrong() -> None:
    """Annotations were written by a calculator, so most wrong answers have true annotations and a wrong plan."""
    table: Counter[tuple[bool, bool]] = Counter()
    for row in rows("recorded.parquet"):
        passes = all(s.score == 1 for s in check_annotations(str(row["response"])))
        table[passes, bool(row["is_correct"])] += 1
    assert table[False, False] / (table[False, False] + table[False, True]) > 0.9
