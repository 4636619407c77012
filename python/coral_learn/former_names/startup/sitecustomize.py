"""Installs the former names in a process whose parent called ``install_as_pycoral()``.

Python imports a module of this name when it starts. ``install_as_pycoral()`` puts this folder into
PYTHONPATH, which the processes that it starts inherit.
"""

import sys
from contextlib import suppress
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

with suppress(ImportError):  # another Python, in which coral-learn is not installed
    from coral_learn.former_names.install import install_as_pycoral

    install_as_pycoral()

# The system's own module of this name, which this one hides.
_others = [folder for folder in sys.path if Path(folder).absolute() != Path(__file__).parent]
_hidden = PathFinder.find_spec("sitecustomize", _others)
if _hidden is not None and _hidden.loader is not None:
    _hidden.loader.exec_module(module_from_spec(_hidden))
