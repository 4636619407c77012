"""Public names of a package that load on first use, so that importing the package costs little.

The packages import this file only when one of their names is used: importing it takes as long as
importing the root package itself.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module


def load(package: str, names_in: Mapping[str, Sequence[str]], name: str) -> object:
    """Loads a public name of a package, for the package's ``__getattr__`` (see PEP 562).

    Args:
        package: The package's ``__name__``.
        names_in: The public names that each submodule defines. A submodule with an empty list is a
            public name itself.
        name: The name that was looked up.

    Raises:
        AttributeError: The package has no such name.
    """
    for submodule, names in names_in.items():
        if name in (names or [submodule]):
            module = import_module(f"{package}.{submodule}")
            value = getattr(module, name) if names else module
            setattr(sys.modules[package], name, value)  # the next access no longer comes here
            return value
    raise AttributeError(f"module {package!r} has no attribute {name!r}")
