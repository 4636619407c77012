"""The functions under attack: every one that reads a .tflite file, and the checks of its result."""

import contextlib
import signal
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from types import FrameType

import numpy as np

from coral_learn.embeddings import Embeddings
from coral_learn.errors import ModelError
from coral_learn.heads.imprinting import ImprintingEngine
from coral_learn.heads.new_class import add_class, remember_classes
from coral_learn.tflite.compiled import required_runtime_version
from coral_learn.tflite.cut import create_embedding_extractor
from coral_learn.tflite.embedding import list_candidates, read_embedding
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head, quantization_report
from coral_learn.tflite.head.class_means import attach_class_means, read_class_means
from coral_learn.tflite.head.read import read_head
from coral_learn.tflite.imprinting.create import create_imprinting_model
from coral_learn.tflite.imprinting.read import has_imprinting_tail
from coral_learn.tflite.labels import attach_labels, read_labels
from coral_learn.tflite.tree import pack, unpack

LONGEST_SECONDS = 2.0
MAX_MEMORY_OVER_FILE_SIZE = 4
MAX_EXTRA_MEMORY = 32 << 20
"""The memory in bytes that a call may take in addition, whatever the size of the file."""

_TRACING_SLOWDOWN = 10
_MAX_FEATURES = 4096
_MAX_LABELS = 4096


class Finding(Exception):  # noqa: N818 (a result of the attack, not a failure of it)
    """A function did something that is not allowed."""


class _UnsuitableError(ModelError):
    """The model is valid but not suitable for this function, or so large that it may take long."""


class _TooLong(BaseException):
    """A call takes too long. Not an ``Exception``, so that no handler mistakes it for one."""


def _pack_again(content: bytes) -> list[bytes]:
    packed = pack(unpack(content))
    if pack(unpack(packed)) != packed:
        raise Finding("packing what was packed gives another file")
    return [packed]


def _append_head(content: bytes) -> list[bytes]:
    return [append_softmax_head(content, *_head_for(content)).content]


def _append_calibrated_head(content: bytes) -> list[bytes]:
    weights, biases = _head_for(content)
    rows = Embeddings(np.linspace(-1, 6, 5 * len(weights)).reshape(5, -1).astype(np.float32))
    return [
        append_softmax_head(content, weights, biases, calibration=rows, labels=["a", "b"]).content
    ]


def _append_head_per_channel(content: bytes) -> list[bytes]:
    if read_embedding(content).dtype != "int8":
        raise _UnsuitableError
    return [append_softmax_head(content, *_head_for(content), per_channel=True).content]


def _report(content: bytes) -> list[bytes]:
    weights, biases = _head_for(content)
    quantization_report(content, weights, biases, Embeddings(np.ones((2, len(weights)), "f4")))
    return []


def _replace_head(content: bytes) -> list[bytes]:
    weights, biases, labels = read_head(content)
    extractor = create_embedding_extractor(content)
    return [extractor, append_softmax_head(extractor, weights, biases, labels=labels).content]


def _cut_at_names(content: bytes) -> list[bytes]:
    results = []
    for tensor in ModelFile(content).graph.tensors[:4]:
        with contextlib.suppress(ModelError):
            results.append(create_embedding_extractor(content, tensor.name))
    return results


def _attach_labels(content: bytes) -> list[bytes]:
    classes = {output.shape[-1:] for output in ModelFile(content).graph.outputs}
    if len(classes) != 1 or not 0 < sum(min(classes)) <= _MAX_LABELS:
        raise _UnsuitableError
    labels = [f"label {index}" for index in range(*min(classes))]
    labelled = attach_labels(content, labels).content
    if read_labels(labelled) != labels:
        raise Finding("labels are not read as they were attached")
    return [labelled]


def _imprint(content: bytes, *, keep_classes: bool) -> list[bytes]:
    imprinting = content
    if not has_imprinting_tail(ModelFile(content)):
        imprinting = create_imprinting_model(content, keep_classes=keep_classes)
    engine = ImprintingEngine(imprinting, keep_classes=keep_classes)
    if engine.embedding_dim > _MAX_FEATURES:
        return [imprinting]
    engine.train(np.linspace(0, 1, engine.embedding_dim), engine.num_classes)
    return [imprinting, engine.serialize_extractor_model(), engine.serialize_model()]


def _add_class(content: bytes) -> list[bytes]:
    if has_imprinting_tail(ModelFile(content)):
        features = ImprintingEngine(content).embedding_dim
    else:
        features = len(read_head(content)[0])
    return [add_class(content, np.ones((2, features), np.float32), "new")]


def _remember_classes(content: bytes) -> list[bytes]:
    weights, biases, _ = read_head(content)
    if weights.size > _MAX_FEATURES:
        raise _UnsuitableError
    rows = np.ones((len(biases), len(weights)), np.float32)
    return [remember_classes(content, rows, np.arange(len(biases)))]


def _read_all(content: bytes) -> list[bytes]:
    read_labels(content)
    _ = ModelFile(content).normalization
    read_class_means(content)
    required_runtime_version(ModelFile(content))
    _ = ModelFile(content).is_compiled
    return []


def _look(content: bytes) -> list[bytes]:
    str(list_candidates(content))
    _ = ModelFile(content).is_classifier
    str(read_embedding(content))
    return []


FUNCTIONS: dict[str, Callable[[bytes], list[bytes]]] = {
    "pack": _pack_again,
    "append_softmax_head": _append_head,
    "append_softmax_head, calibrated": _append_calibrated_head,
    "append_softmax_head, per channel": _append_head_per_channel,
    "quantization_report": _report,
    "read_head, append_softmax_head": _replace_head,
    "create_embedding_extractor": lambda content: [create_embedding_extractor(content)],
    "create_embedding_extractor by name": _cut_at_names,
    "attach_labels": _attach_labels,
    "attach_class_means": lambda content: [attach_class_means(content, np.ones((2, 3))).content],
    "create_imprinting_model": lambda content: [create_imprinting_model(content)],
    "ImprintingEngine": lambda content: _imprint(content, keep_classes=False),
    "ImprintingEngine with classes": lambda content: _imprint(content, keep_classes=True),
    "add_class": _add_class,
    "remember_classes": _remember_classes,
    "read_labels and others": _read_all,
    "list_candidates and others": _look,
}
"""Functions that each call the package on a file, and return the models that it made."""

SLOW_FUNCTIONS = {
    "pack",
    "append_softmax_head, calibrated",
    "read_head, append_softmax_head",
    "create_embedding_extractor by name",
    "attach_labels",
    "create_imprinting_model",
    "ImprintingEngine",
    "ImprintingEngine with classes",
    "add_class",
    "remember_classes",
}


def attack(name: str, content: bytes, *, trace_memory: bool = False) -> list[bytes] | None:
    """Calls one of ``FUNCTIONS`` on a file.

    Args:
        name: The name of the function.
        content: The file.
        trace_memory: Whether to measure the memory of the call, which makes it slow.

    Returns:
        The models that the function made; None if it rejected the file.

    Raises:
        Finding: Anything else happened.
    """
    if trace_memory:
        tracemalloc.start()
    try:
        # What the package tells users about a model is no finding; warnings of NumPy are.
        with warnings.catch_warnings(), _limited_time(_TRACING_SLOWDOWN if trace_memory else 1):
            warnings.simplefilter("ignore", UserWarning)
            results = FUNCTIONS[name](content)
            for result in results:
                _read_again(result)
            return results
    except ModelError:
        return None
    except Finding as finding:
        raise Finding(f"{name}: {finding}") from finding
    except _TooLong:
        raise Finding(f"{name} takes more than {LONGEST_SECONDS} s") from None
    except Exception as error:
        raise Finding(f"{name} raises {type(error).__name__}: {error}") from error
    finally:
        if trace_memory:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            if peak > MAX_MEMORY_OVER_FILE_SIZE * len(content) + MAX_EXTRA_MEMORY:
                raise Finding(f"{name} takes {peak} bytes for a file of {len(content)}")


def _head_for(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    features = read_embedding(content).feature_dim
    if features > _MAX_FEATURES:
        raise _UnsuitableError
    weights = np.linspace(-1, 1, 2 * features, dtype=np.float32).reshape(features, 2)
    return weights, np.array([0.5, -0.5], np.float32)


def _read_again(result: bytes) -> None:
    try:
        unpack(result)
    except ModelError as error:
        raise Finding(f"its result cannot be read: {error}") from error


@contextlib.contextmanager
def _limited_time(factor: float) -> Iterator[None]:
    """Stops a call that takes too much processor time, which other processes do not affect."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, factor * LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
