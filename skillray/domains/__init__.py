"""Procedural worlds by name: our own, and those that other packages add (see `skillray.plugins`)."""

from skillray.domains.arithmetic import ARITHMETIC
from skillray.domains.base import Domain
from skillray.errors import ConfigError
from skillray.plugins import from_entry_points

BUILT_IN: tuple[Domain, ...] = (ARITHMETIC,)


def all_domains() -> dict[str, Domain]:
    """Every world that a config can name.

    Raises:
        ConfigError: another package's domain has a name that is taken, or is registered under another than its own.
    """
    domains = {domain.name: domain for domain in BUILT_IN}
    # Classes are only compared with the abstract base.
    others = from_entry_points("skillray.domains", Domain)  # type: ignore[type-abstract]
    for name, domain in others.items():
        where = f"entry point {name!r} of skillray.domains"
        if name in domains:
            raise ConfigError(f"{where}: skillray has a domain of this name; choose another")
        if domain.name != name:
            raise ConfigError(f"{where}: the class has the name {domain.name!r}; use one name for both")
        domains[name] = domain()
    return domains


DOMAINS: dict[str, Domain] = all_domains()
"""Name -> domain, as configs name them."""

__all__ = ["BUILT_IN", "DOMAINS", "Domain"]
