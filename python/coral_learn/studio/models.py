"""The model of a project: what it answers with at once, and the whole file when it is measured."""

import threading
from collections.abc import Callable

from ..project.project import Project
from ..project.state import ProjectState
from ..tflite.file import ModelFile

_Key = tuple[str | None, tuple[str, ...]]


class Models:
    """Makes the model of the current state once; every method may be called from any thread.

    What a model knows of its training photos takes most of the time, and changes no layer.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._layers: tuple[_Key, ModelFile] | None = None
        self._whole: tuple[_Key, ModelFile] | None = None
        self._making = threading.Lock()

    def whole(self, check: Callable[[], object] = bool) -> ModelFile:
        """Returns the model that is downloaded.

        Args:
            check: Called from time to time; an error that it raises ends the work.

        Raises:
            ValueError: The project has fewer than two classes.
        """
        with self._making:
            key = _key(self._project.step)
            if self._whole is None or self._whole[0] != key:
                self._whole = key, self._project.make_model(check=check)
            return self._whole[1]

    def ready(self) -> ModelFile:
        """Returns the model that is downloaded if it was made, or else only its layers.

        Raises:
            ValueError: The project has fewer than two classes.
        """
        key = _key(self._project.step)
        for known in (self._whole, self._layers):
            if known is not None and known[0] == key:
                return known[1]
        content = self._project.make_model(familiarity=False)
        self._layers = key, content
        return content


def _key(step: ProjectState) -> _Key:
    """Returns what is the same for two states with the same model."""
    return step.head, tuple(step.classes)
