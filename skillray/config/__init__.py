"""One YAML file is one run."""

from skillray.config.identity import identity_hash, refuse_changes
from skillray.config.load import dump_config, load_config, parse
from skillray.config.model import RunConfig
from skillray.config.strict_yaml import parse_yaml
from skillray.config.students import StudentConfig

__all__ = [
    "RunConfig",
    "StudentConfig",
    "dump_config",
    "identity_hash",
    "load_config",
    "parse",
    "parse_yaml",
    "refuse_changes",
]
