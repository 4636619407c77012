"""pycoral's own modules, name by name, on this package: for scripts written for pycoral.

After :func:`install_as_pycoral` such a script's ``from pycoral... import ...`` finds what is here;
``python -m coral_learn.pycoral SCRIPT.py ARGS...`` runs a script that way without a change to it.
What a ``pycoral.learn`` script touches is here; detection, pose and pipelining are not.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder

_MODULES = (
    "",
    ".adapters",
    ".adapters.classify",
    ".adapters.common",
    ".learn",
    ".learn.backprop",
    ".learn.backprop.softmax_regression",
    ".learn.imprinting",
    ".learn.imprinting.engine",
    ".utils",
    ".utils.dataset",
    ".utils.edgetpu",
)


def install_as_pycoral() -> None:
    """Makes ``import pycoral`` find this package.

    Where Google's pycoral is installed and fits this Python, ``pycoral.learn`` alone is replaced;
    where it is not, all of the modules are provided. PyPI's ``pycoral``, a tool for coral reefs,
    counts as not installed. Names that other modules imported from pycoral before the call stay
    what they were. Calling it again changes nothing.
    """
    if sys.modules.get("pycoral") is sys.modules[__name__]:
        return
    if _is_googles(PathFinder.find_spec("pycoral")):
        _replace("pycoral.learn")
        import_module("pycoral").learn = sys.modules["pycoral.learn"]  # type: ignore[attr-defined]
    else:
        _replace("pycoral")


def _is_googles(spec: ModuleSpec | None) -> bool:
    """Tells Google's pycoral by its compiled module, which must be there for this Python."""
    for name in ("pycoral.pybind", "pycoral.pybind._pywrap_coral"):
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec is not None


def _replace(root: str) -> None:
    """Puts this package's modules in the place of ``root`` and everything in it."""
    for name in list(sys.modules):
        if name == root or name.startswith(f"{root}."):
            del sys.modules[name]
    for suffix in _MODULES:
        name = f"pycoral{suffix}"
        if name == root or name.startswith(f"{root}."):
            sys.modules[name] = import_module(f"{__name__}{suffix}")
