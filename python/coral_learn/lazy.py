"""Names of a package that load on first use, so that importing the package costs little."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Makes a package's ``__all__``, ``__getattr__`` and ``__dir__`` (see PEP 562).

    Args:
        package: The package's ``__name__``.
        homes: The public names by the submodule that defines them; the name of a submodule with no
            names stands for the submodule itself.
    """
    home_of = {name: home for home, names in homes.items() for name in names or [home]}

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(f"{package}.{home_of[name]}")
        value = home if home_of[name] == name else getattr(home, name)
        vars(import_module(package))[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *home_of})

    return list(home_of), load, names
