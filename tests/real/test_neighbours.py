"""A real embedder finds questions that are about the same skill, by the stages that embed-sel goes through."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from skillray.config.model import DomainData, EmbeddingSettings
from skillray.loop.embed import Embed
from skillray.loop.neighbours import Nearest, nearest_of
from skillray.loop.questions import from_domain
from skillray.store.fence import UNFENCED
from skillray.store.tables import Table

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
NEIGHBOURS, TIMES_CHANCE = 4, 5.0


def test_neighbours_share_a_skill_far_more_often_than_chance(minilm: str, tmp_path: Path) -> None:
    sizes = DomainData(pool_per_skill=8, profile_per_skill=3, held_out_per_skill=1)
    splits = from_domain(sizes, seed=0)[0]
    pool, profile = splits["pool"], splits["profile"]
    embed = Embed(EmbeddingSettings(model=minilm), "cpu").open()
    embeddings, candidates = Table(str(tmp_path / "embeddings")), Table(str(tmp_path / "candidates"))
    embeddings.write(embed(profile), fence=UNFENCED)
    stage = Nearest(embeddings.folder, frozenset(profile["question_id"].to_pylist()), NEIGHBOURS).open()
    vectors = embed(pool)
    half = pool.num_rows // 2
    candidates.write_all([stage(vectors.slice(0, half)), stage(vectors.slice(half))], fence=UNFENCED)

    skill_of = _first_skills(pool) | _first_skills(profile)
    rows = nearest_of(candidates, NEIGHBOURS).to_pylist()
    assert len(rows) == profile.num_rows
    shared = [skill_of[near] == skill_of[row["question_id"]] for row in rows for near in row["nearest"]]
    share, chance = sum(shared) / len(shared), 1 / len(set(skill_of.values()))
    print(f"{share:.3f} of the {NEIGHBOURS} nearest questions are about the same skill; by chance {chance:.3f} are")
    assert share > TIMES_CHANCE * chance


def _first_skills(questions: pa.Table) -> dict[bytes, str]:
    """Which skill a question was made for. The others are its prerequisites, which many questions share."""
    return {row["question_id"]: row["skills"][0] for row in questions.to_pylist()}
