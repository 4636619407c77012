"""The modules of pycoral under their own names, for scripts that were written for pycoral.

After :func:`install_as_pycoral`, ``from pycoral... import ...`` finds the modules in this folder.
``python -m coral_learn.pycoral SCRIPT.py ARGS...`` runs an unchanged script in this way. The folder
has the modules that a ``pycoral.learn`` script uses, but not detection, pose estimation and
pipelining.
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

    If Google's pycoral is installed for this version of Python, only ``pycoral.learn`` is replaced.
    Otherwise this package provides all of the modules; the unrelated ``pycoral`` on PyPI, a tool
    for coral reefs, counts as not installed. Names that other modules have imported from pycoral
    before the call do not change. A second call has no effect.
    """
    if sys.modules.get("pycoral") is sys.modules[__name__]:
        return
    if _is_googles(PathFinder.find_spec("pycoral")):
        _replace("pycoral.learn")
        import_module("pycoral").learn = sys.modules["pycoral.learn"]  # type: ignore[attr-defined]
    else:
        _replace("pycoral")


def _is_googles(spec: ModuleSpec | None) -> bool:
    """Returns whether a package is Google's pycoral, with its compiled module for this Python."""
    for name in ("pycoral.pybind", "pycoral.pybind._pywrap_coral"):
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec is not None


def _replace(root: str) -> None:
    """Replaces the module ``root`` and all of its submodules with those of this package."""
    for name in list(sys.modules):
        if name == root or name.startswith(f"{root}."):
            del sys.modules[name]
    for suffix in _MODULES:
        name = f"pycoral{suffix}"
        if name == root or name.startswith(f"{root}."):
            sys.modules[name] = import_module(f"{__name__}{suffix}")
