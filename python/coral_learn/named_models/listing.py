"""The list of the models that can be named."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .catalog import BUILTIN_NAME, LICENSE, catalog
from .speeds import read_speeds
from .store import local_models


@dataclass(frozen=True)
class ListedModel:
    """A model that can be named.

    Attributes:
        name: Its name.
        network: What it is, in a few words.
        features: The number of features of an embedding; None if it is not known.
        edge_tpu: Whether it is compiled for the Edge TPU.
        license: The license of the model.
        built_in: Whether it is part of the package.
        path: Its file, or None if it was not downloaded.
        bytes: The size of the file, or None if it was not downloaded.
        milliseconds: The time for a photo on this machine, or None if it was not measured.
    """

    name: str
    network: str
    features: int | None
    edge_tpu: bool
    license: str
    built_in: bool
    path: Path | None
    bytes: int | None
    milliseconds: float | None

    def to_json(self) -> dict[str, Any]:
        """Returns the model as plain types."""
        return asdict(self) | {"path": None if self.path is None else str(self.path)}


def list_models() -> Sequence[ListedModel]:
    """Returns all models that can be named, the built-in extractor first."""
    speeds, here = read_speeds(), local_models()

    def listed(name: str, network: str, features: int | None, edge_tpu: bool) -> ListedModel:
        path = here.get(name)
        return ListedModel(
            name=name,
            network=network,
            features=features,
            edge_tpu=edge_tpu,
            license=LICENSE,
            built_in=name == BUILTIN_NAME,
            path=path,
            bytes=None if path is None else path.stat().st_size,
            milliseconds=speeds.get(name),
        )

    return [
        listed(BUILTIN_NAME, "EfficientNet-Lite0", 1280, False),
        *(
            listed(model.name, model.network, model.features, model.is_compiled)
            for model in catalog().values()
        ),
    ]
