"""What a caller may catch. Every message is one line: what, where, what to do."""


class SkillrayError(Exception):
    """Base of every error raised on purpose."""


class ConfigError(SkillrayError, ValueError):
    """The user must change the config; names the field, the rule and the value."""


class DataError(SkillrayError, ValueError):
    """The user must change a data file; names the file, the column or row, and the rule."""


class TableError(SkillrayError):
    """A table of the run folder is absent, incomplete or damaged."""


class StorageError(SkillrayError, OSError):
    """A disk or a bucket failed: names the path. Nothing half-written is visible."""


class LockedError(SkillrayError):
    """Another process writes this run; says which."""


class StaleWriterError(SkillrayError):
    """This process no longer writes its run: a newer one took over. It must stop, and commits nothing."""


class StageError(SkillrayError):
    """A stage of one student failed; the other students go on."""


class DeadlineError(SkillrayError, TimeoutError):
    """Something was waited for and did not come in time; says what."""


class BudgetError(SkillrayError):
    """The teacher may cost no more; says which limit is reached. Nothing that was paid is lost."""


class TeacherError(SkillrayError):
    """The teacher as a whole cannot be used: no key, a wrong one, no such model, nobody answers."""


class UnbelievableTeacherError(ConfigError):
    """A teacher was measured and is below a stated bound: says which, with the figures. Nothing more was paid."""


class MissingExtraError(SkillrayError, ImportError):
    """An optional package is not installed; says the command that installs it."""
