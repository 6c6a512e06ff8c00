"""What a caller may catch. Every message is one line: what, where, what to do."""


class SkillrayError(Exception):
    """Base of every error raised on purpose."""


class ConfigError(SkillrayError, ValueError):
    """The user must change the config; names the field, the rule and the value."""


class DataError(SkillrayError, ValueError):
    """The user must change a data file; names the file, the column or row, and the rule."""


class TableError(SkillrayError):
    """A table of the run folder is absent, incomplete or damaged."""


class StageError(SkillrayError):
    """A stage of one student failed; the other students go on."""


class DeadlineError(SkillrayError, TimeoutError):
    """Something was waited for and did not come in time; says what."""


class MissingExtraError(SkillrayError, ImportError):
    """An optional package is not installed; says the command that installs it."""
