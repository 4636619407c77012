"""Makes ``import pycoral`` work, in this process and in those that it starts."""

import os
import sys
from pathlib import Path

from .finder import FormerNames, is_ours, is_usable
from .pillow import restore_names

_PATH_VARIABLE = "PYTHONPATH"
_STARTUP_FOLDER = str(Path(__file__).with_name("startup"))


def install_as_pycoral() -> None:
    """Makes ``import pycoral`` find this package, also in the processes that this one starts.

    If Google's pycoral is installed for this version of Python, only ``pycoral.learn`` is replaced.
    Otherwise this package provides all of the modules; the unrelated ``pycoral`` on PyPI, a tool
    for coral reefs, counts as not installed. The same is done for ``edgetpu``, the library before
    pycoral, and for ``tflite_runtime``, if they are not installed; and ``PIL.Image.ANTIALIAS``
    exists again.

    Other processes of Python get all this through ``PYTHONPATH``, which this function extends.
    Names that other modules have imported from pycoral before the call do not change. A second call
    has no effect.

    Examples:
        >>> import coral_learn
        >>> coral_learn.install_as_pycoral()
        >>> from pycoral.learn.backprop.softmax_regression import SoftmaxRegression
        >>> SoftmaxRegression is coral_learn.SoftmaxRegression
        True
    """
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerNames())
    if "pycoral" in sys.modules and not is_ours("pycoral"):
        _forget("pycoral.learn" if is_usable("pycoral") else "pycoral")
    if "PIL.Image" in sys.modules:
        restore_names(sys.modules["PIL.Image"])
    folders = [each for each in os.environ.get(_PATH_VARIABLE, "").split(os.pathsep) if each]
    if _STARTUP_FOLDER not in folders:
        os.environ[_PATH_VARIABLE] = os.pathsep.join([_STARTUP_FOLDER, *folders])


def _forget(name: str) -> None:
    """Lets a module and its submodules be imported anew, except for those of this package."""
    for each in list(sys.modules):
        if f"{each}.".startswith(f"{name}."):
            del sys.modules[each]
    package, _, attribute = name.rpartition(".")
    if package and hasattr(sys.modules[package], attribute):
        delattr(sys.modules[package], attribute)
