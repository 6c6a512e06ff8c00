"""The reply log: what was acknowledged is found again, faults are not."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from skillray.errors import TableError
from skillray.store.fence import UNFENCED
from skillray.teacher.reply_log import Entry, ReplyLog, shard_of
from skillray.teacher.spending import Line, Spent
from skillray.teacher.tasks import Outcome, Reply
from skillray.types import content_id


def entry(name: str, outcome: Outcome = Outcome.OK, value: object = None) -> Entry:
    return Entry(
        key=content_id(name),
        task="solve",
        model="m",
        request="{}",
        asked_by="a/round-000",
        reply=Reply(outcome=outcome, value=value),
    )


def test_a_new_log_on_the_same_folder_knows_what_was_acknowledged(tmp_path):
    log = ReplyLog(str(tmp_path), UNFENCED)
    log.append([entry("a", value=["x", 1]), entry("b", Outcome.JUDGED_CORRECT)])
    log.append([entry("c")])
    again = ReplyLog(str(tmp_path), UNFENCED)
    assert again.look_up(content_id("a")) == Reply(outcome=Outcome.OK, value=["x", 1])
    assert again.look_up(content_id("b")) == Reply(outcome=Outcome.JUDGED_CORRECT)
    again.append([entry("d")])
    assert len(os.listdir(tmp_path)) == 3  # nothing was overwritten


def test_faults_are_kept_and_never_reused(tmp_path):
    log = ReplyLog(str(tmp_path), UNFENCED)
    log.append([entry("a", Outcome.TRUNCATED, "half"), entry("b", Outcome.FAILED)])
    assert log.look_up(content_id("a")) is None and log.look_up(content_id("b")) is None
    log.append([entry("a", value="whole")])
    assert ReplyLog(str(tmp_path), UNFENCED).look_up(content_id("a")) == Reply(outcome=Outcome.OK, value="whole")


def test_the_first_write_wins(tmp_path):
    log = ReplyLog(str(tmp_path), UNFENCED)
    log.append([entry("a", value=1)])
    log.append([entry("a", value=2)])
    assert log.look_up(content_id("a")).value == 1
    assert ReplyLog(str(tmp_path), UNFENCED).look_up(content_id("a")).value == 1


def test_the_books_are_those_of_all_processes(tmp_path):
    log = ReplyLog(str(tmp_path), UNFENCED)
    paid = replace(entry("a"), reply=Reply(outcome=Outcome.OK, value=1, prompt_tokens=100, completion_tokens=20))
    log.append([paid, entry("b", Outcome.FAILED)])
    log.append([replace(paid, key=content_id("c"), asked_by="b/round-001")])
    ok, failed = Line("solve", "a/round-000", "ok"), Line("solve", "a/round-000", "failed")
    other = Line("solve", "b/round-001", "ok")
    for each in (log, ReplyLog(str(tmp_path), UNFENCED)):
        assert each.spent == {ok: Spent(1, 100, 20), failed: Spent(1), other: Spent(1, 100, 20)}
        assert each.total == Spent(3, 200, 40)


def test_every_shard_gets_its_share():
    shards = [shard_of(content_id(n), 4) for n in range(4000)]
    assert all(900 < shards.count(shard) < 1100 for shard in range(4))


def test_a_damaged_segment_is_one_line(tmp_path):
    ReplyLog(str(tmp_path), UNFENCED).append([entry("a")])
    [segment] = tmp_path.iterdir()
    segment.write_bytes(segment.read_bytes()[:-9])
    with pytest.raises(TableError, match=r"00000000.parquet is damaged: restore it, or remove it"):
        ReplyLog(str(tmp_path), UNFENCED)


def test_a_segment_of_another_process_is_not_replaced(tmp_path):
    log, other = ReplyLog(str(tmp_path), UNFENCED), ReplyLog(str(tmp_path), UNFENCED)
    log.append([entry("a", value=1)])
    other.append([entry("b", value=2)])
    again = ReplyLog(str(tmp_path), UNFENCED)
    assert [again.look_up(content_id(name)).value for name in "ab"] == [1, 2]
