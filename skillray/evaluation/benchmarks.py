"""Benchmarks by name: which Hugging Face data set, which of its columns, and how the papers score it.

The figures of STAT (arXiv 2510.10023, 3.1 and C.1): one answer at temperature 0.1 a question, but for AMC23 the average
over 64 samples and for AIME whether one of 64 is right, both at temperature 1.0. A run that has such a set in a file
names the file, and keeps the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

STAT_TEMPERATURE = 0.1
"""STAT's of pass@1 (C.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Where a public set is, and how it is scored unless a config says otherwise."""

    hub: str | None
    """Hugging Face data set id; None where its authors publish a file and no data set."""
    subset: str | None = None
    """Configuration of the data set."""
    split: str = "test"
    question: str | None = "question"
    """Column of the question; None where nobody here could look, so that a config must say it."""
    reference: str | None = "answer"
    """Column of the reference answer, or of a solution that ends with it."""
    metric: str = "avg@1"
    samples: int = 1
    temperature: float = STAT_TEMPERATURE
    rows: int
    """Questions that it has as published."""


BENCHMARKS: dict[str, Benchmark] = {
    # Hendrycks et al., arXiv 2103.03874: problem, level, type and a solution with the answer in a box.
    "math": Benchmark(hub="DigitalLearningGmbH/MATH-lighteval", question="problem", reference="solution", rows=5000),
    # The 500 of Lightman et al., arXiv 2305.20050.
    "math500": Benchmark(hub="HuggingFaceH4/MATH-500", question="problem", rows=500),
    # Cobbe et al., arXiv 2110.14168: the answer stands after #### in the solution.
    "gsm8k": Benchmark(hub="openai/gsm8k", subset="main", rows=1319),
    # Shah et al., arXiv 2407.21009: pairs of MATH's skills. A CSV file, whose columns we could not look at.
    "math2": Benchmark(hub="veds12/math-squared", split="train", question=None, reference=None, rows=210),
    # Huang et al., arXiv 2502.06453: files on GitHub, Kaffaljidhmah2/MATH-Perturb.
    "math_perturb_simple": Benchmark(hub=None, question="problem", rows=279),
    "math_perturb_hard": Benchmark(hub=None, question="problem", rows=279),
    "amc23": Benchmark(hub="math-ai/amc23", metric="avg@64", samples=64, temperature=1.0, rows=40),
    "aime24": Benchmark(
        hub="HuggingFaceH4/aime_2024",
        split="train",
        question="problem",
        metric="pass@64",
        samples=64,
        temperature=1.0,
        rows=30,
    ),
    "aime25": Benchmark(
        hub="math-ai/aime25", question="problem", metric="pass@64", samples=64, temperature=1.0, rows=30
    ),
    # Patel et al., arXiv 2103.07191: 700 + 300; the test split here is the 300.
    "svamp": Benchmark(hub="ChilleD/SVAMP", question="question_concat", reference="Answer", rows=300),
    # Lewkowycz et al., arXiv 2206.14858: OCWCourses.
    "minerva": Benchmark(hub="math-ai/minervamath", rows=272),
}
