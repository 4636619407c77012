"""Finds the modules of Google's packages in this package."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from .pillow import restore_names

_OURS = {
    "pycoral": "coral_learn.pycoral",
    "edgetpu": "coral_learn.old_edgetpu",
    "tflite_runtime": "coral_learn.former_names.tflite_runtime",
}
# A package without its compiled module for this version of Python is of no use.
_COMPILED = {
    "pycoral": "pybind._pywrap_coral",
    "edgetpu": "swig._edgetpu_cpp_wrapper",
    "tflite_runtime": "_pywrap_tensorflow_interpreter_wrapper",
}
_ABSENT = {
    "edgetpu.swig": "it wraps C++ code that coral-learn does not have: use edgetpu.basic, "
    "edgetpu.classification, edgetpu.detection and edgetpu.learn",
}


class FormerNames(MetaPathFinder):
    """Finds modules of Google's packages that are not installed, or not for this Python.

    ``pycoral.learn`` is always replaced, even if Google's pycoral is installed.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns where a module is, or None for modules that are none of ours."""
        if fullname == "PIL.Image":
            return _restoring(PathFinder.find_spec(fullname, path))
        root, _, rest = fullname.partition(".")
        if root not in _OURS or not _replaces(root, fullname):
            return None
        if fullname in _ABSENT:
            raise ModuleNotFoundError(f"there is no {fullname}: {_ABSENT[fullname]}", name=fullname)
        ours = f"{_OURS[root]}.{rest}".rstrip(".")
        found = find_spec(ours)
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        return ModuleSpec(fullname, _Alias(ours), is_package=is_package)


class _Alias(Loader):
    """Puts a module of this package in the place of the one that is imported."""

    def __init__(self, name: str) -> None:
        self._name = name

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(self._name)


class _Restoring(Loader):
    """Loads Pillow's module, and restores the names that it has lost."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        restore_names(module)


def is_usable(root: str) -> bool:
    """Tells whether Google's package is installed, with its compiled module for this Python."""
    return _find(PathFinder.find_spec(root), _COMPILED[root]) is not None


def is_ours(root: str) -> bool:
    """Tells whether the imported package is the one of coral-learn."""
    module = sys.modules.get(root)
    return module is not None and module is sys.modules.get(_OURS[root])


def _replaces(root: str, fullname: str) -> bool:
    if fullname != root:
        return is_ours(root) or f"{fullname}.".startswith("pycoral.learn.")
    package = PathFinder.find_spec(root)
    if package is None or package.origin is None:  # a folder of other things with this name
        return True
    if is_usable(root):
        return False
    # PyPI's pycoral is an unrelated project. Other packages may be somebody's own.
    return root == "pycoral" or _is_for_another_python(package, _COMPILED[root])


def _find(package: ModuleSpec | None, submodule: str) -> ModuleSpec | None:
    """Returns where a submodule is, without importing anything."""
    name = "" if package is None else package.name
    for part in submodule.split("."):
        if package is None or package.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        package = PathFinder.find_spec(name, package.submodule_search_locations)
    return package


def _is_for_another_python(package: ModuleSpec, compiled: str) -> bool:
    pattern = f"{compiled.replace('.', '/')}.*"
    return any(
        next(Path(folder).glob(pattern), None)
        for folder in package.submodule_search_locations or []
    )


def _restoring(spec: ModuleSpec | None) -> ModuleSpec | None:
    if spec is not None and spec.loader is not None:
        spec.loader = _Restoring(spec.loader)
    return spec
