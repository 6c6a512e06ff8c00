"""skillray: finds out which skills a language model is missing and trains exactly those."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = ["Round", "Run", "Student", "evaluate", "load", "plan", "resume", "run"]


def __getattr__(name: str) -> Any:
    """The Python API, imported when it is first used: `import skillray` takes no time."""
    if name not in __all__:
        raise AttributeError(f"module 'skillray' has no attribute {name!r}")
    return getattr(import_module("skillray.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
