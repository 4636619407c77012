"""A ``.tflite`` file that is opened once: its content, graph, labels and normalization."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from ..errors import ModelError
from ..labels import check_line
from . import schema
from .given_normalization import GIVEN, read_given, write_given
from .graph import EDGETPU_CUSTOM_OP, Graph
from .label_file import append_archived_labels, read_archived_labels
from .metadata import (
    EMBEDDING,
    METADATA_ENTRY,
    Metadata,
    declare_normalization,
    find_metadata,
    label_file_name,
    read_normalization,
    read_output_name,
    write_metadata,
)
from .normalization import Normalization
from .output_kind import OutputKind
from .peek import FLOAT32, custom_operators, ends_in_softmax, first_input_type
from .tree import pack, unpack

if TYPE_CHECKING:
    from .input_evidence import InputEvidence

ModelSource: TypeAlias = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, "ModelFile"]
"""A model: the path of a ``.tflite`` file, its bytes, or a file that is already open."""

_UNNAMED = "the model"


class ModelFile:
    """A ``.tflite`` file, read once, parsed at most once and packed at most once.

    Functions take a ModelFile and return another; they never change the one that they are given.

    Attributes:
        name: The name of the file in errors: its path, or "the model".
    """

    def __init__(self, content: bytes, name: str = _UNNAMED) -> None:
        """Takes the bytes of a file; nothing is parsed yet.

        Args:
            content: The bytes.
            name: The name of the file in errors.
        """
        self.content = content
        self.name = name

    def __repr__(self) -> str:
        return f"ModelFile({self.name!r})"

    @classmethod
    def open(cls, source: ModelSource) -> ModelFile:
        """Opens a model.

        Args:
            source: The path of a ``.tflite`` file, its bytes, or a ModelFile, which is returned as
                it is.

        Raises:
            ModelError: The file cannot be read. pycoral's own tests pin the text.
            TypeError: ``source`` is neither a path nor bytes.
        """
        if isinstance(source, ModelFile):
            return source
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(bytes(source))
        try:
            return cls(Path(source).read_bytes(), os.fspath(source))
        except (OSError, ValueError) as error:  # ValueError: a path with a null character
            reason = getattr(error, "strerror", None) or error
            raise ModelError(f"Failed to open file: {os.fspath(source)} ({reason})") from error

    @classmethod
    def of_graph(
        cls,
        graph: Graph,
        labels: Sequence[str] | None = None,
        *,
        output_name: str = "probability",
        name: str = _UNNAMED,
    ) -> ModelFile:
        """Makes a model file from a graph, which is packed when its content is read.

        Args:
            graph: The graph, which belongs to the file from then on. Its metadata keep their
                description of the input, and get a new description of the output. They declare the
                normalization that the graph of a float model shows.
            labels: A name for each class, or None.
            output_name: The name of the output in the metadata.
            name: The name of the file in errors.

        Raises:
            ValueError: A label is empty or has a line break.
        """
        if labels is not None:
            for label in labels:
                check_line(label)
        from .input_evidence import find_input_evidence

        evidence = find_input_evidence(graph)
        write_metadata(
            graph,
            output_name=output_name,
            has_labels=labels is not None,
            normalization=evidence and evidence.normalization,
        )
        return cls._of_changed(graph, labels, name)

    @classmethod
    def _of_changed(cls, graph: Graph, labels: Sequence[str] | None, name: str) -> ModelFile:
        made = cls.__new__(cls)
        made.name = name
        made.tree = graph.model
        made.graph = graph
        made.labels = None if labels is None else list(labels)
        return made

    def with_graph(self, graph: Graph) -> ModelFile:
        """Returns a file with the name, metadata and labels of this one, and a changed graph.

        Args:
            graph: A changed copy of this file's graph, with the same inputs and outputs. It belongs
                to the new file from then on.
        """
        return self._of_changed(graph, self.labels, self.name)

    def __reduce__(self) -> tuple[type[ModelFile], tuple[bytes, str]]:
        return ModelFile, (self.content, self.name)

    def __deepcopy__(self, memo: object) -> ModelFile:
        return self

    @property
    def is_named(self) -> bool:
        """Whether :attr:`name` is the path of a file."""
        return self.name != _UNNAMED

    def check(self) -> None:
        """Parses the model, unless the TFLite schema is not installed.

        Raises:
            ModelError: The file is not a .tflite model, or is damaged.
        """
        with suppress(ImportError):  # the schema comes with ai-edge-litert
            _ = self.tree

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file."""
        content = pack(self.tree)
        return content if self.labels is None else append_archived_labels(content, self.labels)

    @cached_property
    def tree(self) -> schema.ModelT:
        """The model as a tree of the schema's objects, checked; it must not be changed.

        Raises:
            ModelError: The file is not a .tflite model, or is damaged.
        """
        return unpack(self.content, self.name)

    @cached_property
    def graph(self) -> Graph:
        """The graph of the model; it must not be changed.

        Raises:
            ModelError: The file is not a .tflite model, or the model has several subgraphs.
        """
        return Graph(self.tree)

    @cached_property
    def is_compiled(self) -> bool:
        """Whether the model was compiled for the Edge TPU, and so needs its delegate.

        Reads only the list of the model's operators, and so needs no schema. False for a file that
        is damaged.
        """
        try:
            return EDGETPU_CUSTOM_OP.encode() in custom_operators(self.content)
        except (ModelError, struct.error):
            return False

    @cached_property
    def _metadata(self) -> Metadata | None:
        return find_metadata(self.tree)

    @cached_property
    def is_extractor(self) -> bool:
        """Whether the metadata mark the model as an embedding extractor.

        Every extractor that this package makes is marked. An extractor from another source usually
        is not; see :attr:`is_classifier`.

        Raises:
            ModelError: The file is not a .tflite model, or is damaged.
        """
        return read_output_name(self._metadata) == EMBEDDING

    @cached_property
    def is_classifier(self) -> bool:
        """Whether the model gives classes: probabilities, or logits without the mark of extractors.

        A model that is compiled for the Edge TPU hides its layers, and is known by its labels or by
        the quantization of its output.

        Raises:
            ModelError: The file cannot be used.
        """
        from .ending import ends_in_classes

        if self.is_extractor:
            return False
        classes = (len(self.labels),) if self.labels else None
        is_labeled = any(each.shape[-1:] == classes for each in self.graph.outputs)
        return is_labeled or ends_in_classes(self.graph)

    @cached_property
    def output_kind(self) -> OutputKind:
        """What the numbers in the output mean, as far as the file tells without being run.

        Raises:
            ModelError: The file is not a .tflite model, or is damaged.
        """
        is_softmax = "content" in vars(self) and ends_in_softmax(self.content)
        if is_softmax and METADATA_ENTRY not in self.content:
            return OutputKind.PROBABILITIES
        try:
            tree = self.tree
        except ImportError:  # the schema comes with ai-edge-litert
            return OutputKind.UNKNOWN
        if self.is_extractor:
            return OutputKind.EMBEDDING
        if is_softmax:
            return OutputKind.PROBABILITIES
        from .linear_layer import read_output_kind

        if len(tree.subgraphs) != 1:
            return OutputKind.UNKNOWN
        kind = read_output_kind(self.graph)
        if kind is OutputKind.EMBEDDING and self.is_classifier:
            return OutputKind.UNKNOWN
        if kind is OutputKind.UNKNOWN and self.is_compiled and not self.is_classifier:
            return OutputKind.EMBEDDING
        return kind

    @cached_property
    def labels(self) -> list[str] | None:
        """The class names inside the model; None if there are none that can be read.

        Raises:
            ModelError: The file is not a .tflite model, or is damaged.
        """
        name = label_file_name(self._metadata)
        return read_archived_labels(self.content, name)

    @cached_property
    def normalization(self) -> Normalization | None:
        """The normalization of the input that the metadata declare, or None.

        Raises:
            ModelError: The file is not a .tflite model, or is damaged.
        """
        if METADATA_ENTRY not in self.content:  # answers without the schema
            return None
        return read_normalization(self._metadata)

    @cached_property
    def given_normalization(self) -> Normalization | None:
        """The normalization that a user gave for a quantized input, or None.

        It is obeyed even where it does not fit into the range of the input.

        Raises:
            ModelError: The file is not a .tflite model, or is damaged.
        """
        if GIVEN.encode() not in self.content:  # answers without the schema
            return None
        return read_given(self.tree)

    @cached_property
    def has_float_input(self) -> bool:
        """Whether the first input is float32. False for a file that is damaged.

        Needs no schema, as :attr:`is_compiled`.
        """
        try:
            return first_input_type(self.content) == FLOAT32
        except (ModelError, struct.error):
            return False

    @cached_property
    def input_evidence(self) -> InputEvidence | None:
        """The normalization that the graph of a float model shows, or None.

        Raises:
            ModelError: The file is not a .tflite model, or has several subgraphs.
        """
        if not self.has_float_input:
            return None
        from .input_evidence import find_input_evidence

        try:
            return find_input_evidence(self.graph)
        except ImportError:  # the schema comes with ai-edge-litert
            return None

    @property
    def has_unknown_range(self) -> bool:
        """Whether the model takes float32 and nothing tells the range of its pixels.

        Raises:
            ModelError: The file is not a .tflite model, or has several subgraphs.
        """
        return self.has_float_input and self.normalization is None and self.input_evidence is None

    def with_normalization(self, normalization: Normalization) -> ModelFile:
        """Returns the model with metadata that declare a normalization of its input.

        Raises:
            ModelError: The file is not a .tflite model, or has several subgraphs.
        """
        graph = self.graph.copy()
        declare_normalization(graph, normalization, has_labels=self.labels is not None)
        if not self.has_float_input:  # whose metadata are obeyed only where they fit
            write_given(graph.model, normalization)
        made = self._of_changed(graph, self.labels, self.name)
        made.is_compiled = self.is_compiled
        made.has_float_input = self.has_float_input
        return made
