"""Progress in answers: what is under way counts, and its speed is told from the first token on."""

from __future__ import annotations

from skillray.on_ray.counting import ANSWERS, Written


def test_whole_batches_and_what_is_under_way_are_one_count() -> None:
    written = Written()
    assert written.shown((0, 0, ""), 5.0) == (0, 0, "")
    assert written.shown((3, 9, "steps"), 5.0) == (3, 9, "steps")  # another verb
    assert written.shown((0, 200, ANSWERS), 5.0) == (0, 0, "")  # the engine is starting
    written.add(0, 80, now=10.0)
    assert written.shown((0, 200, ANSWERS), 10.0) == (0, 200, "answers, 80 tokens/s")
    written.add(2, 120, now=12.0)
    assert written.shown((0, 200, ANSWERS), 13.0) == (2, 200, "answers, 50 tokens/s")  # 200 tokens in 4 s
    assert written.shown((64, 200, ANSWERS), 13.0) == (64, 200, "answers, 50 tokens/s")
    written.add(300, 0, now=13.0)  # some were written twice
    assert written.shown((64, 200, ANSWERS), 13.0)[0] == 200


def test_answers_that_are_read_have_no_speed() -> None:
    assert Written().shown((64, 200, ANSWERS), 9.0) == (64, 200, "answers")
