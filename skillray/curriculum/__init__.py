"""The methods. To add one: write its file, add its class to BUILT_IN, add its hand-worked test.

A method outside this package is one file too: its package names the class as an entry point of `skillray.curricula`
(see `skillray.plugins`), and nothing here changes.
"""

from typing import get_args

from skillray.curriculum.augment import Augment
from skillray.curriculum.base import Curriculum
from skillray.curriculum.embed_sel import EmbedSel
from skillray.curriculum.embed_syn import EmbedSyn
from skillray.curriculum.exercises import Exercises
from skillray.curriculum.hard import Hard
from skillray.curriculum.mixture import Mixture
from skillray.curriculum.stat_sel import StatSel
from skillray.curriculum.stat_syn import StatSyn
from skillray.curriculum.sws import Sws
from skillray.curriculum.textbooks import Textbooks
from skillray.curriculum.uniform import Uniform
from skillray.errors import ConfigError
from skillray.plugins import from_entry_points

BUILT_IN: tuple[type[Curriculum], ...] = (
    Uniform,
    Hard,
    StatSel,
    StatSyn,
    Augment,
    EmbedSel,
    EmbedSyn,
    Textbooks,
    Exercises,
    Mixture,
    Sws,
)


def type_of(curriculum: type[Curriculum]) -> str:
    """The `type` that a config chooses this class by: the one value of its Literal."""
    (name,) = get_args(curriculum.model_fields["type"].annotation)
    return str(name)


def all_curricula() -> dict[str, type[Curriculum]]:
    """Every method that a config can name, those of other packages included.

    Raises:
        ConfigError: another package's method has a name that is taken, or is registered under another than its `type`.
    """
    curricula = {type_of(curriculum): curriculum for curriculum in BUILT_IN}
    # Classes are only compared with the abstract base.
    others = from_entry_points("skillray.curricula", Curriculum)  # type: ignore[type-abstract]
    for name, curriculum in others.items():
        where = f"entry point {name!r} of skillray.curricula"
        if name in curricula:
            raise ConfigError(f"{where}: skillray has a curriculum of this name; choose another")
        if type_of(curriculum) != name:
            raise ConfigError(f"{where}: the class has the type {type_of(curriculum)!r}; use one name for both")
        curricula[name] = curriculum
    return curricula


CURRICULA: dict[str, type[Curriculum]] = all_curricula()
"""The `type` of a curriculum in a config -> its class."""

__all__ = [
    "BUILT_IN",
    "CURRICULA",
    "Augment",
    "Curriculum",
    "EmbedSel",
    "EmbedSyn",
    "Exercises",
    "Hard",
    "Mixture",
    "StatSel",
    "StatSyn",
    "Sws",
    "Textbooks",
    "Uniform",
]
