"""What the rows of a model in the embedding cache depend on."""

import hashlib

from ..edgetpu.runtime import runtime_name
from ..machine import processor_kind
from ..tflite.resizing import View
from .images import PREPROCESSING
from .model_runner import ModelRunner


def cache_source(
    content: bytes, runner: ModelRunner, size: tuple[int, int] | None, resize: View
) -> bytes:
    """Returns everything that a row depends on besides the photo.

    Args:
        content: The bytes of the model's file.
        runner: What runs the model.
        size: Width and height of the input that the user gave, or None.
        resize: What the model sees of a photo.
    """
    return b"\0".join(
        [
            hashlib.blake2b(content).digest(),
            PREPROCESSING.encode(),
            runner.input_format.table.tobytes(),
            runtime_name().encode(),
            processor_kind().encode(),
            # These come last, and only if they are not as usual, so that older rows stay valid.
            *([] if size is None else [b"%d x %d" % size]),
            *([] if resize == "squash" else [resize.encode()]),
            *([] if runner.embedding_format is None else [b"with embedding"]),
        ]
    )
