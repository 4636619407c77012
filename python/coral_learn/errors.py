"""The errors of this package. Invalid arguments raise the built-in ``ValueError``."""


class ModelError(ValueError):
    """A model file cannot be used; the message says what was found and what is needed."""


class ModelRunError(ModelError, RuntimeError):
    """The runtime failed on a model. Also a RuntimeError, which is what the runtimes raise then."""


class EdgeTpuError(RuntimeError):
    """The Edge TPU, its library or its driver failed; the message says why and what to do."""


class DelegateError(EdgeTpuError, ValueError):
    """No Edge TPU could be opened.

    Also a ValueError, because the runtimes' ``load_delegate`` raises that, and scripts that catch
    it go on without an Edge TPU.
    """


class LibraryError(DelegateError, OSError):
    """libedgetpu could not be opened. Also an OSError, which is what ``load_delegate`` raises."""
