"""Public names of a package that load on first use, so that importing the package costs little."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazy_names(
    package: str, names_in: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Makes the ``__all__``, ``__getattr__`` and ``__dir__`` of a package (see PEP 562).

    Args:
        package: The package's ``__name__``.
        names_in: The public names that each submodule defines. A submodule with an empty list is a
            public name itself.
    """
    submodule_of = {
        name: submodule for submodule, names in names_in.items() for name in names or [submodule]
    }

    def load(name: str) -> object:
        if name not in submodule_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        submodule = import_module(f"{package}.{submodule_of[name]}")
        value = submodule if name == submodule_of[name] else getattr(submodule, name)
        setattr(sys.modules[package], name, value)  # the next access no longer comes here
        return value

    def public_and_loaded_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *submodule_of})

    return list(submodule_of), load, public_and_loaded_names
