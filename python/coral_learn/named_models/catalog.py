"""The models that have a name."""

import csv
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..errors import ModelError

LICENSE = "Apache-2.0"
"""The license of the built-in extractor and of all models in the catalog."""

BUILTIN_NAME = "efficientnet-lite0"
"""The name of the built-in extractor."""

COMPILED_SUFFIX = "-edgetpu"
"""The end of the name of a model that is compiled for the Edge TPU."""

_FILE = Path(__file__).with_name("coral_models.csv")


class NamedModel(NamedTuple):
    """A model of Coral's that can be downloaded.

    Attributes:
        name: The name that a user gives, as in ``mobilenet-v1``.
        network: What the model is, in a few words.
        features: The number of features of an embedding; None if it is not known.
        file: The name of the file: an extractor, or a classifier whose last layer is cut off.
        git_id: The id of the file's content in git, as 40 hexadecimal digits.
        sha256: The SHA-256 of the content, or "" where only git's id is known.
    """

    name: str
    network: str
    features: int | None
    file: str
    git_id: str
    sha256: str

    @property
    def is_compiled(self) -> bool:
        """Whether the model is compiled for the Edge TPU."""
        return self.name.endswith(COMPILED_SUFFIX)

    def has_content(self, content: bytes) -> bool:
        """Tells whether this is the content of the file."""
        # How git computes the id: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        git_id = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        sha256 = hashlib.sha256(content)
        return git_id.hexdigest() == self.git_id and self.sha256 in ("", sha256.hexdigest())


@cache
def catalog() -> dict[str, NamedModel]:
    """Returns Coral's models by their names.

    They are its extractors and classifiers at one commit of its repository. The classifiers that
    are compiled for the Edge TPU are left out: the compiler hides their last layer, which then
    cannot be cut off.
    """
    with _FILE.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return {
        name: NamedModel(name, network, int(features) if features else None, *rest)
        for name, network, features, *rest in rows
    }


def is_known(name: str, *, for_edge_tpu: bool = False) -> bool:
    """Tells whether the catalog has the model of a name, or the one compiled for the Edge TPU."""
    return (_compiled(name) if for_edge_tpu else name) in catalog()


def find_model(name: str, *, for_edge_tpu: bool = False) -> NamedModel:
    """Returns the model of a name.

    Args:
        name: The name.
        for_edge_tpu: Whether to return the model that is compiled for the Edge TPU, whether or not
            the name says so.

    Raises:
        ModelError: There is no such model, or it is not compiled for the Edge TPU.
    """
    models = catalog()
    plain = name.removesuffix(COMPILED_SUFFIX)
    found = models.get(_compiled(name) if for_edge_tpu else name)
    if found is not None:
        return found
    if plain in models:
        compiled = [each for each in models if f"{each}{COMPILED_SUFFIX}" in models]
        raise ModelError(
            f"Coral has no extractor {plain} that is compiled for the Edge TPU: choose one of "
            f"{', '.join(compiled)}, or the device cpu"
        )
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), [BUILTIN_NAME, *models], n=1)
    question = f"did you mean {near[0]}? " if near else ""
    raise ModelError(
        f"{name} is neither a file nor the name of a model: {question}`coral-learn models` lists "
        "the names"
    )


def _compiled(name: str) -> str:
    """Returns the name of the compiled model, for its own name or the plain one."""
    return name.removesuffix(COMPILED_SUFFIX) + COMPILED_SUFFIX
