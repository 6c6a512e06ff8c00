"""Who the teacher is, where it runs, and what it may cost."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from skillray.store.paths import DataPath
from skillray.teacher.tasks import Task
from skillray.types import Value

EXECUTION = (
    "replicas",
    "timeout_s",
    "concurrency",
    "price",
    "url",
    "api_key_env",
    "api_key_file",
    "max_retries",
    "tensor_parallel_size",
    "max_replicas",
    "calls_per_replica",
    "gpu_memory_utilization",
    "app",
)
"""Fields that decide where and how fast it replies, and at what price; not what."""


Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Teacher(Value):
    """What all kinds have."""

    replicas: PositiveInt = 1
    timeout_s: PositiveFloat = 60.0
    """For one call, retries included."""
    shards: PositiveInt = 1
    """ReplyLog actors; requests are dealt to them by key, so with another number old replies would not be found."""


class DomainTeacherConfig(_Teacher):
    """A procedural teacher with exact answers."""

    type: Literal["domain"] = "domain"
    domain: str = "arithmetic"


class Price(Value):
    """USD for a million tokens."""

    prompt: NonNegativeFloat
    completion: NonNegativeFloat


class _LlmTeacher(_Teacher):
    """A language model. `model`, `revision`, the texts of the prompts and the sampling decide what it replies; where it
    runs does not.
    """

    revision: str = "main"
    """Which weights, where one name may have several: of a Hugging Face model its branch, tag or commit."""
    prompts: DataPath | None = None
    """A folder of Jinja templates (`solve.j2` ...) that replace the built-in ones of the same name."""
    max_tokens: dict[Task, PositiveInt] = Field(default_factory=dict)
    """Longest reply by task, thoughts included; tasks that are not named have 512 (labels) to 8,192 (families). A model
    that thinks before it solves needs more than solve's 2,048."""
    greedy: bool = True
    """Ask at temperature 0 what is asked once. False sends no temperature there: some models take none."""
    timeout_s: PositiveFloat = 600.0
    """For one call, retries included; it begins when the call is sent."""
    concurrency: PositiveInt = 64
    """Calls under way at once, of each shard."""
    price: Price | None = None
    """To tell what it cost, and for budget.max_usd."""


class OpenAITeacherConfig(_LlmTeacher):
    """Any server that speaks OpenAI's chat completions."""

    type: Literal["openai"] = "openai"
    model: str
    """As the server names it."""
    url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable of the replica's node that holds the key. The key itself never stands in a config."""
    api_key_file: str | None = None
    """A file of the replica's node that holds the key, instead; a mounted secret for example."""
    max_retries: NonNegativeInt = 5
    """Of one call, after 408, 409, 429, 5xx or a lost connection; waits as long as Retry-After says."""

    @model_validator(mode="after")
    def _no_secret_in_url(self) -> Self:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url must begin with http:// or https://; got {self.url!r}")
        if "@" in self.url.split("/")[2]:
            raise ValueError("url must not hold a password: put the key into api_key_env or api_key_file")
        return self


class VllmTeacherConfig(_LlmTeacher):
    """A model that this run serves with vLLM (`ray.serve.llm`) and takes down when it ends.

    `replicas` is the least number of engines, each of `tensor_parallel_size` workers of `placement.teacher`.
    """

    type: Literal["vllm"] = "vllm"
    model: DataPath
    """A Hugging Face id, or a path to a Hugging Face folder that every node sees."""
    tensor_parallel_size: PositiveInt = 1
    max_replicas: PositiveInt | None = None
    """Most engines; None keeps `replicas` of them."""
    calls_per_replica: PositiveInt = 64
    """Calls under way above which another engine is started, and the most that one engine gets is twice as many."""
    max_model_len: PositiveInt | None = None
    """Context in tokens; None takes the model's own."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: str | None = None
    """As vLLM names it (`fp8`, `awq` ...); None takes what the model's config says."""
    gpu_memory_utilization: float = Field(0.9, gt=0.0, le=1.0)
    """Share of a GPU that an engine takes."""

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.max_replicas is not None and self.max_replicas < self.replicas:
            raise ValueError(f"max_replicas is {self.max_replicas}, replicas {self.replicas}; raise max_replicas")
        return self


class ServeTeacherConfig(_LlmTeacher):
    """A model that somebody already serves on this cluster with `ray.serve.llm`; it stays when the run ends."""

    type: Literal["serve"] = "serve"
    model: str
    """The model id of its `LLMConfig`."""
    app: str
    """Name of the Serve app."""


LlmTeacherConfig = OpenAITeacherConfig | VllmTeacherConfig | ServeTeacherConfig
TeacherConfig = DomainTeacherConfig | LlmTeacherConfig
AnyTeacher = Annotated[TeacherConfig, Field(discriminator="type")]


def workers_of(teacher: TeacherConfig, *, most: bool = False) -> int:
    """Processes that ask for `placement.teacher`: the fewest, or the most that there may be."""
    if isinstance(teacher, VllmTeacherConfig):
        engines = (teacher.max_replicas or teacher.replicas) if most else teacher.replicas
        return engines * teacher.tensor_parallel_size
    return teacher.replicas


class TeacherCheck(Value):
    """What a language model must be right about, where that is known, before the run pays for more of its replies.

    Every bound is compared with the upper end of a 95% interval: a few replies stop no run by chance. The bounds are
    ours.
    """

    samples: Annotated[int, Field(ge=5)] = 20
    """Of each kind: answers known to be right, answers known to be wrong, labelled questions, solutions, rewrites, new
    questions. Of 20, a bound of 0.7 refuses a teacher with 9, one of 0.5 a teacher with 5."""
    min_wrong_found: Share = 0.7
    """Share of wrong answers that are judged wrong. STAT's teacher confirms 70% of its own labels (arXiv 2510.10023,
    E.3); one that calls half of the wrong answers right loses half of the gaps."""
    min_right_found: Share = 0.5
    """Share of right answers that are judged right: below it a coin does better."""
    min_labels_found: Share = 0.5
    """Share of labelled questions whose main label is among the skills named; five of 18 by chance have it in 28%."""
    min_solved: Share = 0.5
    """Share of questions whose answer is known that it solves: of three solutions, two have to agree."""
    min_rewritten: Share = 0.5
    """Share of rewritten solutions that have steps and the same answer: the others are paid and thrown away."""
    min_new: Share = 0.5
    """Share of calls for a new question that bring one that is not an example again."""


class Budget(Value):
    """What the teacher may cost over all attempts at a run. When it is spent, no further call is sent, those under way
    are kept, and the run ends; the same command with a raised budget goes on. With several `teacher.shards` each has
    its part.
    """

    max_usd: PositiveFloat | None = None
    """By teacher.price. The calls that are under way when it is reached (teacher.concurrency) come on top."""
    max_tokens: PositiveInt | None = None
    """Prompt and completion together; calls under way come on top."""
    max_calls: PositiveInt | None = None
    """Exact."""


class TaskTeacher(Value):
    """A teacher for some tasks: STAT has GPT-4o write new questions, and GPT-4o-mini do the rest (arXiv 2510.10023)."""

    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    teacher: AnyTeacher
    budget: Budget = Budget()
    """Its own; the run's is of the run's teacher."""

    @property
    def name(self) -> str:
        """In names of apps and folders."""
        return str(self.tasks[0]).replace("_", "-")
