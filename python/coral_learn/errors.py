"""The errors of this package. Invalid arguments raise the built-in ``ValueError``."""


class ModelError(ValueError):
    """A model file cannot be used; the message says what was found and what is needed."""


class EdgeTpuError(RuntimeError):
    """The Edge TPU, its library or its driver failed; the message says why and what to do."""
