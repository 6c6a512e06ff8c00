"""The Skill-Map by hand."""

from __future__ import annotations

import pyarrow as pa

from skillray.loop.study import skill_map
from skillray.store.fence import UNFENCED
from skillray.store.schemas import QUESTIONS
from skillray.store.tables import Table
from skillray.types import Ids, content_id

IDS = [content_id(n) for n in range(4)]


def pool(path, *skills: list[str]) -> Table:
    row = {"question": "1+1?", "answer": "2", "solution": "", "split": "pool"}
    numbered = zip(IDS, (3, None, 1, 2), skills, strict=True)
    rows = [row | {"question_id": one, "level": level, "skills": labels} for one, level, labels in numbered]
    table = Table(str(path / "pool"))
    whole = pa.Table.from_pylist(rows, schema=QUESTIONS)
    table.write_all([whole.slice(0, 3), whole.slice(3)], fence=UNFENCED)  # the map does not depend on how it is cut
    return table


def test_labels_are_inverted_in_the_order_of_the_pool(tmp_path):
    found = skill_map(pool(tmp_path, ["product", "sum"], [], ["sum"], ["difference", "product"]))
    assert found.question_ids == Ids(b"".join(IDS))
    assert found.levels == (3, None, 1, 2)
    assert {skill: list(ids) for skill, ids in found.by_skill.items()} == {
        "difference": [IDS[3]],
        "product": [IDS[0], IDS[3]],
        "sum": [IDS[0], IDS[2]],
    }
    assert list(found.by_skill) == ["difference", "product", "sum"]  # draws go by it


def test_a_pool_without_labels_has_an_empty_map(tmp_path):
    assert skill_map(pool(tmp_path, [], [], [], [])).by_skill == {}
