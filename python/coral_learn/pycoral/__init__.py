"""The modules of pycoral under their own names, for scripts that were written for pycoral.

After :func:`install_as_pycoral`, ``from pycoral... import ...`` finds the modules in this folder.
``python -m coral_learn.pycoral SCRIPT.py ARGS...`` runs an unchanged script in this way.
"""

from ..former_names.install import install_as_pycoral as install_as_pycoral

__version__ = "2.0.0"
"""The version of pycoral whose names and results these modules have."""
