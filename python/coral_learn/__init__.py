"""On-device transfer learning for Coral Edge TPUs and any small computer.

The names below load on first use: importing the package costs little, and imports neither an
interpreter nor an image library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import edgetpu as edgetpu
    from ._core import build_info as build_info
    from .classification import Class as Class
    from .classification import Classifier as Classifier
    from .classification import Evaluation as Evaluation
    from .classification import evaluate as evaluate
    from .dataset import ImageFolder as ImageFolder
    from .diagnosis import doctor as doctor
    from .embeddings import Embeddings as Embeddings
    from .errors import EdgeTpuError as EdgeTpuError
    from .errors import ModelError as ModelError
    from .extraction.cache import EmbeddingCache as EmbeddingCache
    from .extraction.extractor import EmbeddingExtractor as EmbeddingExtractor
    from .heads.imprinting import ImprintingEngine as ImprintingEngine
    from .heads.new_class import add_class as add_class
    from .heads.new_class import remember_classes as remember_classes
    from .heads.softmax_regression import SoftmaxRegression as SoftmaxRegression
    from .methods import SgdSettings as SgdSettings
    from .project import Project as Project
    from .pycoral import install_as_pycoral as install_as_pycoral
    from .retraining import RetrainResult as RetrainResult
    from .retraining import retrain as retrain
    from .tflite.cut import create_embedding_extractor as create_embedding_extractor
    from .tflite.head import read_head as read_head
    from .tflite.imprinting import create_imprinting_model as create_imprinting_model
    from .tflite.metadata import read_labels as read_labels

_HOMES = {
    "build_info": "_core",
    "Class": "classification",
    "Classifier": "classification",
    "Evaluation": "classification",
    "evaluate": "classification",
    "ImageFolder": "dataset",
    "doctor": "diagnosis",
    "Embeddings": "embeddings",
    "EdgeTpuError": "errors",
    "ModelError": "errors",
    "EmbeddingCache": "extraction.cache",
    "EmbeddingExtractor": "extraction.extractor",
    "ImprintingEngine": "heads.imprinting",
    "add_class": "heads.new_class",
    "remember_classes": "heads.new_class",
    "SoftmaxRegression": "heads.softmax_regression",
    "Project": "project",
    "install_as_pycoral": "pycoral",
    "RetrainResult": "retraining",
    "SgdSettings": "methods",
    "retrain": "retraining",
    "create_embedding_extractor": "tflite.cut",
    "read_head": "tflite.head",
    "create_imprinting_model": "tflite.imprinting",
    "read_labels": "tflite.metadata",
}
__all__ = [*_HOMES, "edgetpu"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes longer to import than the rest

        return version("coral-learn")
    if name == "edgetpu":
        return import_module(".edgetpu", __name__)
    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
