"""One run, as a typed value. Every field is identity unless `identity.EXECUTION` lists it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.chat.sampling import Sampling
from skillray.config.contradictions import contradictions
from skillray.config.evaluation import EvaluationSettings
from skillray.config.students import Name, StudentConfig
from skillray.domains import DOMAINS
from skillray.grading.difficulty import AdaptmiFilter, StatFilter
from skillray.grading.steps import DomainSteps, StepScorerSettings
from skillray.store.paths import DataPath
from skillray.teacher.settings import AnyTeacher, Budget, DomainTeacherConfig, TaskTeacher, TeacherCheck, TeacherConfig
from skillray.teacher.tasks import Task
from skillray.training.settings import TrainingSettings
from skillray.types import Value


class QuestionSource(Value):
    """A table of questions: a Hugging Face data set id, a path to a Parquet, JSON (lines or a list) or CSV file, the
    latter two also with .gz, or a folder of such files of one kind.

    Columns: question; answer, or an answer after '####' in the solution; and, where there are, solution, skills,
    subject, level and question_id. MATH's own columns (problem, solution with a boxed answer, level, type) do as well,
    and chats (messages, or conversations as ShareGPT's: the first question and its answer) and Alpaca's instruction,
    input and output. `skillray data check` says what would be read.
    """

    path: DataPath
    subset: str | None = None
    """Of a Hugging Face data set: its configuration."""
    split: str | None = None
    """Of a Hugging Face data set, or in a folder of files that are named after it."""
    revision: str | None = None
    """Of a Hugging Face data set: a branch, tag or commit, whose own files are read. None: the newest, as the hub
    converts it to Parquet."""


class TextSource(QuestionSource):
    """General text: a Hugging Face data set id, a Parquet or JSONL file, or a plain text file (.txt), of which every
    paragraph is a text of its own.
    """

    column: str = "text"
    """Which holds the text; of a plain text file there is none."""


class DomainData(Value):
    """Questions that a procedural domain generates; the splits never overlap."""

    type: Literal["domain"] = "domain"
    domain: str = "arithmetic"
    pool_per_skill: PositiveInt = 300
    profile_per_skill: PositiveInt = 20
    held_out_per_skill: PositiveInt = 60
    wrong_answers: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of pool questions whose answer is made wrong, to measure what finds wrong answers. The report says so."""
    replay: TextSource | None = None
    """What `textbooks` replay instead of pool questions."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.domain not in DOMAINS:
            raise ValueError(f"domain must be one of {', '.join(sorted(DOMAINS))}; got {self.domain!r}")
        return self


class LabellingSettings(Value):
    """The teacher makes a vocabulary of the pool and labels pool and probe with it: Didolkar et al. (arXiv 2405.12205),
    and up to five skills a question, as STAT (arXiv 2510.10023, C.3.1)."""

    families: PositiveInt = 18
    """Skills that it is to find, about, for each subject. STAT's lists have some 18."""


class ProfileSource(QuestionSource):
    """Questions that later stages are diagnosed on instead of the profile part of `data.probe`."""

    name: Name
    """By which `stages[].profile` calls it."""


class TableData(Value):
    """Questions that somebody has: a training pool, and a probe set cut by hash into profile and held-out."""

    type: Literal["tables"] = "tables"
    pool: QuestionSource
    probe: QuestionSource
    profiles: tuple[ProfileSource, ...] = ()
    """Other questions to diagnose on, for `stages[].profile`: a student that goes on from what it has learnt with a new
    benchmark as its probe is STAT's ConSel or ConSyn (arXiv 2510.10023, 3.3). What is held out is taken out of them."""
    labels: QuestionSource | None = None
    """Skill labels (columns question and skills) for questions that carry none."""
    labelling: LabellingSettings | None = None
    """Where no question carries a skill: let the teacher label them."""
    unanswered: Literal["refuse", "leave_out"] = "refuse"
    """Pool questions without a reference answer; what is left out is counted in the report. MATH's train set has a few
    with an empty box."""
    profile_share: float = Field(0.5, gt=0.0, lt=1.0)
    """Of the probe set, by a hash that no seed changes; the rest is held out."""
    profile: PositiveInt | None = None
    """Exactly so many questions of the probe set, drawn by the run's seed, instead of a share. STAT cuts MATH's test
    set at random into 1k and 4k (arXiv 2510.10023, 2.1)."""
    max_held_out: PositiveInt | None = None
    """Score at most this many held-out questions, chosen by hash."""
    replay: TextSource | None = None
    """What `textbooks` replay instead of pool questions."""


class RecordedRollouts(Value):
    """Answers that somebody already has: a Parquet or JSONL file with question_id, student, sample, response."""

    path: DataPath


class RolloutSettings(Sampling):
    """How students are asked, and how they answer."""

    engine: Literal["auto", "transformers", "vllm"] = "auto"
    """'auto' is vllm where `placement.rollout` has GPUs, and on a CPU where vllm is installed and a student is another
    model than the embedded one; else transformers. What it is decides what comes out, so that is what the run keeps.
    With vllm, an engine is a warm actor, and `placement.rollout` is of one of them."""
    dtype: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the weights that answer. 'auto' is bf16 on GPUs, and for vllm on a CPU unless every student is the embedded
    one; else fp32. The run keeps what it is."""
    prompt: StudentPrompt = BARE
    """The words around every question, in answers and in what is trained on."""
    samples: PositiveInt = 1
    """K; the sample with the highest mean step score is judged (AdaptMI, arXiv 2505.00147, released code)."""
    batch_size: PositiveInt = 64
    """Questions answered together. Batches are cut by identity: with the same value, the same batch."""
    threads: PositiveInt = 1
    recorded: RecordedRollouts | None = None

    @model_validator(mode="after")
    def _greedy_once(self) -> Self:
        if self.temperature == 0.0 and self.samples > 1:
            raise ValueError(f"samples must be 1 at temperature 0 (all would be equal); got {self.samples}")
        return self


class GradingSettings(Value):
    """How answers are judged."""

    scorer: StepScorerSettings = DomainSteps()
    filter: Annotated[StatFilter | AdaptmiFilter, Field(discriminator="type")] = StatFilter()
    answer_timeout_s: PositiveFloat = 5.0
    """CPU seconds for one answer; its checker process is ended then, and the verdict is `timeout`."""


class DiagnosisSettings(Value):
    """Which skills a difficult question shows to be missing."""

    source: Literal["teacher", "labels"] = "teacher"
    """Ask the teacher (STAT, AdaptMI+), or take the question's own labels (AdaptMI)."""
    labels: Literal["to_blame", "all"] = "to_blame"
    """Where source is labels: those that the student fails elsewhere too, by a noisy-or model (`diagnosis.blame`), or
    all of them (AdaptMI, arXiv 2505.00147), by which a prerequisite counts as missing on every question that needs it.
    """
    max_difficult: PositiveInt = 500
    """Uniform sample of the difficult questions; STAT's 500 (arXiv 2510.10023, C)."""
    judged_correct: Literal["no_gap", "named_skills"] = "no_gap"
    """What a difficult answer misses that the teacher judges correct: nothing, or the skills that it names all the
    same, as AdaptMI's released code takes them (arXiv 2505.00147)."""
    votes: PositiveInt = 1
    """Times that the teacher is asked about each: the first time greedily, then sampled. A skill counts as missing when
    more than half name it, and the report says how far they agree. STAT asks once."""


class EmbeddingSettings(Value):
    """What makes questions alike for the curricula that look at neighbours (STAT's Embed-Sel and Embed-Syn)."""

    model: DataPath
    """'embedded', a Hugging Face id, or a path to a Hugging Face folder; remote code is never run. STAT's is
    Alibaba-NLP/gte-Qwen2-7B-instruct (arXiv 2510.10023, C.1): pooling 'last', bidirectional."""
    pooling: Literal["mean", "last"] = "mean"
    """Over all tokens, or the hidden state at an end-of-text token, by what the model was trained for."""
    bidirectional: bool = False
    """Let a decoder's tokens see what follows them, where it was trained so: what the code that a model brings along
    would do. An encoder does it anyway."""
    max_length: Annotated[int, Field(ge=8)] = 512
    """Tokens; what is behind them in a question is not seen."""
    threads: PositiveInt = 1


class GraphFile(Value):
    """A skill graph as JSON: what `skillray graph build` wrote, or a run's data/graph.json."""

    type: Literal["file"] = "file"
    path: DataPath


class SyllabusGraph(Value):
    """A syllabus, nested Markdown (.md) or YAML (.yaml); skillray/skills/syllabus.py says how it is read."""

    type: Literal["syllabus"] = "syllabus"
    path: DataPath
    min_cosine: float = Field(0.95, gt=0.0, le=1.0)
    """Where `embedding` is set: skills whose names and descriptions are at least so similar are one. What is right
    depends on the model; the rule is ours, for DSA's full text (arXiv 2412.19361) we could not read."""


class DecomposedGraph(Value):
    """The teacher takes a topic apart, skill by skill (DSA, arXiv 2412.19361); the limits are ours, for its
    full text we could not read."""

    type: Literal["decompose"] = "decompose"
    topic: str = Field(min_length=1, max_length=80)
    depth: PositiveInt = 4
    """Levels that are taken apart, the topic the first."""
    breadth: Annotated[int, Field(ge=1, le=40)] = 8
    """Sub-skills of one skill, at most."""
    max_calls: PositiveInt = 600
    """Skills that the teacher is asked about, at most; a run's `budget` holds as well."""
    syllabus: DataPath | None = None
    """To merge with it; its names are shown to the teacher."""
    min_cosine: float = Field(0.95, gt=0.0, le=1.0)
    """As of a syllabus."""


AnyGraph = Annotated[GraphFile | SyllabusGraph | DecomposedGraph, Field(discriminator="type")]


class Placement(Value):
    """What one worker of a role asks of the cluster."""

    num_cpus: PositiveFloat = 1.0
    num_gpus: NonNegativeFloat = 0.0
    accelerator_type: str | None = None
    label_selector: dict[str, str] = Field(default_factory=dict)
    runtime_env: dict[str, Any] = Field(default_factory=dict)
    """Ray's, for the workers of this role: packages, environment variables. No place for secrets: it is logged."""
    max_workers: PositiveInt = 2
    """Largest size of the role's pool (roll_out, grade, embed), copies of its model (prm), or runs at once (train)."""


class Placements(Value):
    rollout: Placement = Placement()
    grade: Placement = Placement(num_cpus=0.5)
    embed: Placement = Placement()
    train: Placement = Placement()
    teacher: Placement = Placement(num_cpus=0.5)
    prm: Placement = Placement(max_workers=1)
    """Of each actor that holds the process reward model, where `grading.scorer` is one."""


class ClusterSettings(Value):
    """Where it runs."""

    address: str = "local"
    """'local' starts a Ray of its own that ends with the run; 'auto' joins the one this job runs on."""
    num_cpus: PositiveInt = 16
    """Logical CPUs of a local Ray. Fewer than 8 can deadlock: coordinator, Serve, pools and workers wait at once."""
    stage_timeout_s: PositiveFloat = 24 * 3600.0
    """A stage that takes longer is ended and its student fails. Of training, from its turn in its worker group on; the
    wait for the group's resources counts."""
    start_timeout_s: PositiveFloat = 600.0
    """For Ray, the teacher and a worker to come up."""
    folder: Annotated[str, AfterValidator(os.path.abspath)] = Field(default_factory=os.getcwd)
    """Where relative paths of the config start: the folder in which the command was given. A run goes on from another
    one, as a job does whose working folder is unpacked anew: what is in the files must be what it was."""


class RunConfig(Value):
    """One run: students, and everything they share."""

    name: Name
    seed: NonNegativeInt = 0
    rounds: PositiveInt = 1
    data: Annotated[DomainData | TableData, Field(discriminator="type")] = DomainData()
    graph: AnyGraph | None = None
    """Which skill is a prerequisite of which. Without it: the domain's own graph, or the skills of the labels, flat."""
    students: tuple[StudentConfig, ...] = Field(min_length=1)
    teacher: AnyTeacher = DomainTeacherConfig()
    budget: Budget = Budget()
    teacher_by_task: tuple[TaskTeacher, ...] = ()
    """Other teachers, for the tasks that they name; `teacher` does the rest."""
    teacher_check: TeacherCheck | None = TeacherCheck()
    """What a language model must be right about before it is believed; null believes it unmeasured."""
    rollout: RolloutSettings = RolloutSettings()
    grading: GradingSettings = GradingSettings()
    diagnosis: DiagnosisSettings = DiagnosisSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    embedding: EmbeddingSettings | None = None
    """For curricula that look at neighbours, and for `graph`, whose near-duplicate skills it finds."""
    training: TrainingSettings = TrainingSettings()
    placement: Placements = Placements()
    cluster: ClusterSettings = Field(default_factory=ClusterSettings)

    @property
    def teachers(self) -> tuple[TeacherConfig, ...]:
        """All of them, the run's first."""
        return (self.teacher, *(other.teacher for other in self.teacher_by_task))

    def teacher_for(self, task: Task) -> TeacherConfig:
        return next((other.teacher for other in self.teacher_by_task if task in other.tasks), self.teacher)

    @property
    def prepare_asks(self) -> bool:
        """Whether the teacher is needed before there are questions."""
        labels = self.data.type == "tables" and self.data.labelling is not None
        return labels or (self.graph is not None and self.graph.type == "decompose")

    def prompt_of(self, student: StudentConfig) -> StudentPrompt:
        return self.rollout.prompt if student.prompt is None else student.prompt

    def starts_alike(self, student: StudentConfig) -> tuple[StudentConfig, ...]:
        """All students whose first answers are one and the same, `student` included."""
        key = (student.model, student.recorded, self.prompt_of(student))
        return tuple(one for one in self.students if (one.model, one.recorded, self.prompt_of(one)) == key)

    @model_validator(mode="after")
    def _engine_by_hardware(self) -> Self:
        """Said once, here: so a change of it is a change like any other."""
        on_gpu, changed = self.placement.rollout.num_gpus > 0, dict[str, str]()
        real = any(student.model != "embedded" for student in self.students)
        engine = self.rollout.engine
        if engine == "auto":
            # Looked for, not imported: that takes seconds.
            engine = "vllm" if on_gpu or (real and find_spec("vllm") is not None) else "transformers"
            changed["engine"] = engine
        if self.rollout.dtype == "auto":
            changed["dtype"] = "bf16" if on_gpu or (real and engine == "vllm") else "fp32"
        object.__setattr__(self, "rollout", self.rollout.model_copy(update=changed))
        return self

    @model_validator(mode="after")
    def _sets_sampled(self) -> Self:
        """What a set leaves out is the run's; said once, so that config.yaml holds all of it."""
        sets = tuple(one.sampled(self.rollout.alone) for one in self.evaluation.sets)
        object.__setattr__(self, "evaluation", self.evaluation.model_copy(update={"sets": sets}))
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [student.name for student in self.students]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"students must have different names; {twice[0]!r} stands twice")
        if self.rollout.recorded is None and (with_recorded := [s.name for s in self.students if s.recorded]):
            raise ValueError(f"student {with_recorded[0]!r} has `recorded`, so rollout.recorded.path must be set")
        if self.data.type == "tables" and self.grading.scorer.type == "domain":
            raise ValueError(
                "grading.scorer.type 'domain' checks only its own questions; use 'annotations' or 'outcome'"
            )
        for problem in contradictions(self):
            raise ValueError(problem)
        return self
