"""Names that scripts for pycoral import, and that today's packages lack.

:mod:`.finder` lets ``import pycoral``, ``edgetpu`` and ``tflite_runtime`` find modules of this
package, and :mod:`.install` makes it so in a process and those that it starts.
"""
