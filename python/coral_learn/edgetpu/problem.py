"""A problem with the setup, together with its fix."""

from dataclasses import dataclass

from ..errors import EdgeTpuError


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with the setup, and how to fix it.

    Attributes:
        what: The clause that says what was found: "no Edge TPU was found".
        fix: The clause that says what to do: "plug one in".

    Examples:
        >>> from coral_learn import edgetpu
        >>> edgetpu.Problem(what="no Edge TPU was found", fix="plug one in").error()
        EdgeTpuError('no Edge TPU was found: plug one in')
    """

    what: str
    fix: str

    def error(self, kind: type[EdgeTpuError] = EdgeTpuError) -> EdgeTpuError:
        """Returns the problem as an exception of a kind, with the message ``what: fix``.

        Args:
            kind: The class of the exception.
        """
        return kind(f"{self.what}: {self.fix}")
