"""How the compiled core was built, for users and bug reports."""

from typing import TypedDict

from . import core


class BuildInfo(TypedDict):
    """How the core was built, and what this processor runs of it.

    Attributes:
        instruction_set: The kernels in use: ``avx512``, ``avx2``, ``sse2``, ``neon`` or
            ``generic``.
        runnable_instruction_sets: All kernels that this processor can run, the fastest first.
        compiler: The compiler and its version.
    """

    instruction_set: str
    runnable_instruction_sets: list[str]
    compiler: str


def build_info() -> BuildInfo:
    """Returns how the compiled core was built, and which of its kernels is in use.

    Returns:
        A dictionary with ``instruction_set``, the kernels in use, such as ``avx2``,
        ``runnable_instruction_sets``, all that this processor can run, the fastest first, and
        ``compiler``, the compiler with its version.

    Examples:
        >>> from coral_learn import build_info
        >>> info = build_info()
        >>> info["instruction_set"] in info["runnable_instruction_sets"]
        True
    """
    return core.build_info()
