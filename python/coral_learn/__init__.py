"""On-device transfer learning for Coral Edge TPUs and any small computer.

The names below load on first use: importing the package costs little, and imports neither an
interpreter nor an image library.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; a test compares it with the table below
    from . import edgetpu as edgetpu
    from . import plot as plot
    from .dataset.folder import ImageFolder as ImageFolder
    from .dataset.split import Split as Split
    from .dataset.split import split_by_class as split_by_class
    from .edgetpu.doctor import doctor as doctor
    from .embeddings import Embeddings as Embeddings
    from .errors import EdgeTpuError as EdgeTpuError
    from .errors import ModelError as ModelError
    from .extraction.cache import EmbeddingCache as EmbeddingCache
    from .extraction.extractor import EmbeddingExtractor as EmbeddingExtractor
    from .former_names.install import install_as_pycoral as install_as_pycoral
    from .heads.build_info import build_info as build_info
    from .heads.imprinting import ImprintingEngine as ImprintingEngine
    from .heads.label_errors import find_label_errors as find_label_errors
    from .heads.label_next import label_next as label_next
    from .heads.new_class import add_class as add_class
    from .heads.new_class import remember_classes as remember_classes
    from .heads.softmax_regression import SoftmaxRegression as SoftmaxRegression
    from .jobs.answer import Answer as Answer
    from .jobs.answer import Class as Class
    from .jobs.classification import Classifier as Classifier
    from .jobs.evaluation import Evaluation as Evaluation
    from .jobs.evaluation import evaluate as evaluate
    from .jobs.export.write import ExportResult as ExportResult
    from .jobs.export.write import export_model as export_model
    from .jobs.learning_curve import learning_curve as learning_curve
    from .jobs.retraining import RetrainResult as RetrainResult
    from .jobs.retraining import retrain as retrain
    from .jobs.settings import SgdSettings as SgdSettings
    from .labels import format_labels as format_labels
    from .project.project import Project as Project
    from .tflite.cut import create_embedding_extractor as create_embedding_extractor
    from .tflite.head.read import read_head as read_head
    from .tflite.imprinting.create import create_imprinting_model as create_imprinting_model
    from .tflite.labels import read_labels as read_labels

# The public names that each submodule defines. An empty list makes the submodule itself public.
_NAMES_IN: dict[str, list[str]] = {
    "dataset.folder": ["ImageFolder"],
    "dataset.split": ["Split", "split_by_class"],
    "edgetpu": [],
    "edgetpu.doctor": ["doctor"],
    "embeddings": ["Embeddings"],
    "errors": ["EdgeTpuError", "ModelError"],
    "extraction.cache": ["EmbeddingCache"],
    "extraction.extractor": ["EmbeddingExtractor"],
    "former_names.install": ["install_as_pycoral"],
    "heads.build_info": ["build_info"],
    "heads.imprinting": ["ImprintingEngine"],
    "heads.label_errors": ["find_label_errors"],
    "heads.label_next": ["label_next"],
    "heads.new_class": ["add_class", "remember_classes"],
    "heads.softmax_regression": ["SoftmaxRegression"],
    "jobs.answer": ["Answer", "Class"],
    "jobs.classification": ["Classifier"],
    "jobs.evaluation": ["Evaluation", "evaluate"],
    "jobs.export.write": ["ExportResult", "export_model"],
    "jobs.learning_curve": ["learning_curve"],
    "jobs.retraining": ["RetrainResult", "retrain"],
    "jobs.settings": ["SgdSettings"],
    "labels": ["format_labels"],
    "plot": [],
    "project.project": ["Project"],
    "tflite.cut": ["create_embedding_extractor"],
    "tflite.head.read": ["read_head"],
    "tflite.imprinting.create": ["create_imprinting_model"],
    "tflite.labels": ["read_labels"],
}
__all__ = [name for submodule, names in _NAMES_IN.items() for name in names or [submodule]]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes longer to import than the rest

        return version("coral-learn")
    from .lazy import load

    return load(__name__, _NAMES_IN, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
