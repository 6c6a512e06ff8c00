"""The methods. To add one: write its file, add its line here, add its hand-worked test."""

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

CURRICULA: dict[str, type[Curriculum]] = {
    "uniform": Uniform,
    "hard": Hard,
    "augment": Augment,
    "embed-sel": EmbedSel,
    "embed-syn": EmbedSyn,
    "stat-sel": StatSel,
    "stat-syn": StatSyn,
    "textbooks": Textbooks,
    "exercises": Exercises,
    "mixture": Mixture,
    "sws": Sws,
}
"""The `type` of a curriculum in a config -> its class."""

__all__ = [
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
