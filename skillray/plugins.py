"""Methods of other packages: what they add is named by entry points of their own pyproject.toml.

    [project.entry-points."skillray.curricula"]
    my-method = "my_package.my_method:MyMethod"

An installed package is all that is needed: the name can then be used in a config like any other.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TypeVar

from skillray.errors import ConfigError

T = TypeVar("T")


def from_entry_points(group: str, base: type[T]) -> dict[str, type[T]]:
    """The classes that installed packages offer in `group`, by name.

    Raises:
        ConfigError: an entry cannot be imported, is no subclass of `base`, or two packages use one name.
    """
    classes: dict[str, type[T]] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        where = f"entry point {entry.name!r} of {group} ({entry.value})"
        try:
            offered = entry.load()
        except Exception as error:  # the code of another package may fail in any way while it is imported
            raise ConfigError(f"{where}: cannot be imported ({error}); mend or uninstall the package") from error
        if not (isinstance(offered, type) and issubclass(offered, base)):
            raise ConfigError(f"{where}: is no subclass of {base.__module__}.{base.__name__}; make it one")
        if entry.name in classes:
            raise ConfigError(f"{where}: another installed package uses this name too; uninstall one of them")
        classes[entry.name] = offered
    return classes
