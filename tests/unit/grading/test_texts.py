"""Near-duplicates and leaks: by hand, and against comparing all pairs."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from skillray.grading.texts import OVERLAP, Leaks, Similar, near_duplicates, shingles_of, similarity, words_of


def test_words_are_told_apart_by_numbers_and_signs_and_by_nothing_else() -> None:
    assert words_of("What is  17 + 25?") == words_of("(what IS 17+25)") == ("what", "is", "17+25")
    assert words_of("What is 17-25?") != words_of("What is 17+25?") != words_of("What is 17+26?")
    assert words_of(" ?! ") == ()


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (r"Compute $\sin 60^\circ$.", r"Compute \(\sin 60^{\circ}\)."),
        (r"Compute $\sin 60^\circ$.", r"Compute \[\sin60^\circ.\]"),
        (r"Is $\frac{1}{2}x_1$ more?", r"Is $$\dfrac{1}{2}x_{1}$$ more?"),
        (r"Find $\left(a+b\right)^2$", r"Find \((a + b)^{2}\)"),
        ("It costs $5.", r"It costs \$5."),
    ],
)
def test_how_latex_sets_a_formula_makes_no_other_question(text: str, other: str) -> None:
    assert words_of(text) == words_of(other)
    assert Leaks([(text, "1")]).shares_text(f"Example: {other} Well") and near_duplicates([text, other]) == [1]


def test_other_formulas_are_other_questions() -> None:
    assert words_of(r"\sin 60") != words_of(r"\cos 60") and words_of("x^{2}") != words_of("x_{2}") != words_of("x^{12}")


def test_similarity_is_that_of_jaccard() -> None:
    # abc bcd cde | abc bcd cdx: 2 of 4
    assert similarity(shingles_of(words_of("a b c d e")), shingles_of(words_of("a b c d x"))) == 0.5
    assert similarity(shingles_of(("a",)), shingles_of(("a",))) == 1.0


def test_the_first_of_near_duplicates_stays_and_so_do_all_that_are_to_be_kept() -> None:
    words = [f"w{n}" for n in range(20)]
    text = " ".join(words)
    nearly, less = " ".join([*words[:-1], "x"]), " ".join([*words[:-2], "x", "y"])
    # 18 shingles; one word at the end is in 1 of them: 17/19 = .89; two are in 2: 16/20 = .8; three: 15/21 = .71
    far = " ".join([*words[:-3], "x", "y", "z"])
    assert near_duplicates([text, nearly, less, far, text]) == [1, 2, 4]
    assert near_duplicates([text, nearly, less], num_kept=2) == [2]
    assert near_duplicates([]) == [] and near_duplicates(["", ""]) == [1]


@pytest.mark.parametrize("least", [0.3, 0.5, 0.8, 1.0])
def test_the_search_finds_what_comparing_all_pairs_finds(least: float) -> None:
    rng = random.Random(int(least * 10))
    texts = [" ".join(rng.choices("abcd", k=rng.randint(1, 9))) for _ in range(300)]
    sets = [shingles_of(words_of(text)) for text in texts]
    similar = Similar(least, Counter(shingle for one in sets for shingle in one))
    for one in sets[:150]:
        similar.add(one)
    for one in sets[150:]:
        assert similar.find(one) == [place for place in range(150) if similarity(sets[place], one) >= least]


def test_thirteen_words_in_one_piece_are_a_leak_and_a_whole_shorter_question_is() -> None:
    long = " ".join(f"w{n}" for n in range(20))
    leaks = Leaks([(long, "1"), ("What is 17+25?", "42"), ("Why?", "so")])
    part = " ".join(f"w{n}" for n in range(3, 3 + OVERLAP))
    assert leaks.shares_text(f"before {part} after") and not leaks.shares_text(part.removesuffix(" w15") + " x")
    assert leaks.shares_text("Example: what is 17 + 25? It is 42.") and not leaks.shares_text("What is 17+26?")
    assert not leaks.shares_text("Why? I do not know.")  # one word stands in any text


def test_answers_of_what_is_alike() -> None:
    leaks = Leaks([("a b c d e", "1"), ("a b c d x y z u v", "2")])
    assert leaks.alike("a b c d f") == ["1"] and leaks.alike("q r s") == []
    assert Leaks([]).alike("a b c") == [] and not Leaks([]).shares_text("a b c")


def test_ten_thousand_texts_take_seconds() -> None:
    rng = random.Random(0)
    vocabulary = [f"w{n}" for n in range(2000)]
    texts = [" ".join(rng.choices(vocabulary, k=40)) for _ in range(10_000)]
    started = time.process_time()
    assert near_duplicates([*texts, *texts[:100]]) == list(range(10_000, 10_100))
    assert time.process_time() - started < 10  # measured 1 s; all pairs would be 50 million comparisons


CHINESE = "小明有五个苹果，小红比小明多三个苹果，两个人一共有多少个苹果？"


def test_scripts_without_spaces_are_words_by_character() -> None:
    assert words_of("小明有5个苹果。") == ("小", "明", "有", "5", "个", "苹", "果")
    assert words_of("リンゴは３個") and len(words_of("แอปเปิล")) > 1


def test_a_copy_in_chinese_is_a_leak_and_a_common_phrase_is_none() -> None:
    leaks = Leaks([(CHINESE, "13")])
    assert leaks.shares_text(f"例题：{CHINESE}答案是13。")
    assert leaks.shares_text(CHINESE[:-8]) and not leaks.shares_text("两个人一共有多少个苹果？" + "我不知道。" * 5)
    assert near_duplicates([CHINESE, CHINESE.replace("。", " ") + "！"]) == [1]
    assert leaks.alike(CHINESE.replace("五", "六")) == ["13"]
