"""The result of ``doctor()``."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ..notebook import table
from ..words import counted
from .library import Device
from .problem import Problem


@dataclass(frozen=True)
class ModelNeeds:
    """What a model needs to run.

    Attributes:
        compiled: Whether the model was compiled for the Edge TPU, and so needs one.
        runtime_version: The lowest N of "RuntimeVersion(N)" in libedgetpu's version that can run
            the model; None if the model does not say.

    Examples:
        >>> import coral_learn
        >>> coral_learn.doctor("extractor.tflite", device="cpu").model
        ModelNeeds(compiled=False, runtime_version=None)
    """

    compiled: bool
    runtime_version: int | None


@dataclass(kw_only=True)
class Diagnosis:
    """The setup of this machine, and what is wrong with it.

    Versions and paths are None for what is not installed.

    Attributes:
        problems: The problems found, each with its fix.
        notes: Facts that are no problems, a sentence each.
        coral_learn: The version of this package.
        python: The version of Python.
        python_path: The path of the Python program.
        system: The operating system and the kind of CPU.
        runtime: The name and version of the TFLite runtime: "ai-edge-litert 2.3.0".
        runtime_path: The path of the runtime's module.
        libedgetpu: The version that libedgetpu reports: "BuildLabel(...), RuntimeVersion(14)".
        libedgetpu_path: The path of libedgetpu.
        devices: The Edge TPUs that libedgetpu lists.
        model: What the model needs; None if there is no model, or it cannot be read.

    Examples:
        >>> import coral_learn
        >>> diagnosis = coral_learn.doctor(device="cpu")
        >>> diagnosis
        Diagnosis(no problems, ... on ...)
        >>> diagnosis.ok, diagnosis.to_json()["ok"], diagnosis.problems
        (True, True, [])
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    coral_learn: str
    python: str
    python_path: str
    system: str
    runtime: str | None = None
    runtime_path: str | None = None
    libedgetpu: str | None = None
    libedgetpu_path: str | None = None
    devices: list[Device] = field(default_factory=list)
    model: ModelNeeds | None = None

    def __repr__(self) -> str:
        found = counted(len(self.problems), "problem") if self.problems else "no problems"
        runtime = self.runtime or "no runtime"
        return f"Diagnosis({found}, {runtime} on {self.system})"

    def _repr_html_(self) -> str:
        rows = [(problem.what, problem.fix) for problem in self.problems]
        columns = ("problem", "what to do") if rows else ()
        return table(repr(self), rows, columns=columns, text=" ".join(self.notes))

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Returns what ``coral-learn doctor --json`` prints: ``ok`` and the attributes."""
        return {"ok": self.ok, **asdict(self)}
