"""The errors of this package. Invalid arguments raise the built-in ``ValueError``."""


class ModelError(ValueError):
    """A model file cannot be used; the message says what was found and what is needed.

    Examples:
        >>> from coral_learn import Classifier, ModelError
        >>> try:
        ...     Classifier("photo.jpg")
        ... except ModelError as error:
        ...     print(error)
        photo.jpg is not a TensorFlow Lite model...
    """


class ModelRunError(ModelError, RuntimeError):
    """The runtime failed on a model. Also a RuntimeError, which is what the runtimes raise then."""


class EdgeTpuError(RuntimeError):
    """The Edge TPU, its library or its driver failed; the message says why and what to do.

    Examples:
        >>> from coral_learn import EdgeTpuError, edgetpu
        >>> try:
        ...     delegate = edgetpu.load_edgetpu_delegate()
        ... except EdgeTpuError as error:
        ...     delegate = None  # the message says what is missing, and how to get it
    """


class DelegateError(EdgeTpuError, ValueError):
    """No Edge TPU could be opened.

    Also a ValueError, because the runtimes' ``load_delegate`` raises that, and scripts that catch
    it go on without an Edge TPU.
    """


class LibraryError(DelegateError, OSError):
    """libedgetpu could not be opened. Also an OSError, which is what ``load_delegate`` raises."""
