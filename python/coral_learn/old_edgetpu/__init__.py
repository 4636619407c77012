"""The modules of ``edgetpu``, the library before pycoral, for scripts of 2019 and 2020.

Each module of version 2.12.2 that such scripts import has its counterpart here, with the same
classes, arguments, results and errors. :mod:`coral_learn.former_names` lets ``import edgetpu`` find
them. Models are run by :mod:`coral_learn.edgetpu`: those that were compiled for the Edge TPU on an
Edge TPU, all others on the CPU.
"""

__version__ = "2.12.2"
