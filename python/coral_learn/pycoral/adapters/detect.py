"""Functions that work with a model that detects objects."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ...edgetpu.runtime import Interpreter
from .common import input_size

# The orders in which converters put the outputs; the place of the boxes tells which it is.
_ORDERS = (
    ("boxes", "classes", "scores", "count"),  # TensorFlow 1
    ("scores", "boxes", "count", "classes"),  # TensorFlow 2
    ("count", "scores", "classes", "boxes"),  # "output_0" to "output_3" of TensorFlow 2's signature
)
_WORDS = {"boxes": ("box",), "classes": ("class",), "scores": ("score",), "count": ("num", "count")}


class BBox(NamedTuple):
    """A rectangle around an object."""

    xmin: Any
    """The left edge."""

    ymin: Any
    """The upper edge."""

    xmax: Any
    """The right edge."""

    ymax: Any
    """The lower edge."""

    @property
    def width(self) -> Any:
        """The width; negative if the box is not valid."""
        return self.xmax - self.xmin

    @property
    def height(self) -> Any:
        """The height; negative if the box is not valid."""
        return self.ymax - self.ymin

    @property
    def area(self) -> Any:
        """Width times height."""
        return self.width * self.height

    @property
    def valid(self) -> bool:
        """Whether neither the width nor the height is negative."""
        return bool(self.width >= 0 and self.height >= 0)

    def scale(self, sx: float, sy: float) -> "BBox":
        """Returns the box with its x coordinates multiplied by ``sx`` and the others by ``sy``."""
        return BBox(sx * self.xmin, sy * self.ymin, sx * self.xmax, sy * self.ymax)

    def translate(self, dx: float, dy: float) -> "BBox":
        """Returns the box moved to the right by ``dx`` and down by ``dy``."""
        return BBox(self.xmin + dx, self.ymin + dy, self.xmax + dx, self.ymax + dy)

    def map(self, f: Callable[[Any], Any]) -> "BBox":
        """Returns the box with a function applied to each coordinate."""
        return BBox(*map(f, self))

    @staticmethod
    def intersect(a: "BBox", b: "BBox") -> "BBox":
        """Returns the box that two boxes share, which is not valid if they share none."""
        return BBox(
            max(a.xmin, b.xmin), max(a.ymin, b.ymin), min(a.xmax, b.xmax), min(a.ymax, b.ymax)
        )

    @staticmethod
    def union(a: "BBox", b: "BBox") -> "BBox":
        """Returns the smallest box that contains two boxes."""
        return BBox(
            min(a.xmin, b.xmin), min(a.ymin, b.ymin), max(a.xmax, b.xmax), max(a.ymax, b.ymax)
        )

    @staticmethod
    def iou(a: "BBox", b: "BBox") -> float:
        """Returns the area that two boxes share over the area that they cover, in [0, 1].

        It is 0 for two boxes without an area, which the original divides by zero.
        """
        shared = BBox.intersect(a, b)
        if not shared.valid:
            return 0.0
        covered = a.area + b.area - shared.area
        return float(shared.area / covered) if covered else 0.0


class Object(NamedTuple):
    """An object that a model detected."""

    id: int
    """The class index."""

    score: float
    """The model's score."""

    bbox: BBox
    """Where the object is, in whole pixels of the image."""


def get_objects(
    interpreter: Interpreter,
    score_threshold: float = -math.inf,
    image_scale: tuple[float, float] = (1.0, 1.0),
) -> list[Object]:
    """Returns the objects that a detection model found, in the model's order.

    The model has the four outputs of TFLite's operator ``TFLite_Detection_PostProcess``: boxes
    [1, N, 4], classes [1, N], scores [1, N] and the number of objects [1]. The names of its
    signature tell which is which, or else their shapes.

    Args:
        interpreter: The interpreter, after a run.
        score_threshold: The minimum score of an object that is returned.
        image_scale: The scale factors (horizontal, vertical) that
            :func:`~coral_learn.pycoral.adapters.common.set_resized_input` returned. The boxes are
            divided by them, and so fit the image before it was resized.

    Raises:
        ValueError: The model has other outputs, or more than one signature.
    """
    found = _outputs_by_role(interpreter)
    boxes, classes, scores = (found[role][0].tolist() for role in ("boxes", "classes", "scores"))
    width, height = input_size(interpreter)
    sx, sy = width / image_scale[0], height / image_scale[1]
    objects = []
    # After the objects, the operator fills its outputs with zeros.
    for index in range(min(int(found["count"].flat[0]), len(scores))):
        if scores[index] >= score_threshold:
            ymin, xmin, ymax, xmax = boxes[index]
            box = BBox(xmin, ymin, xmax, ymax).scale(sx, sy).map(int)
            objects.append(Object(int(classes[index]), scores[index], box))
    return objects


def _outputs_by_role(interpreter: Interpreter) -> dict[str, NDArray[Any]]:
    """Returns copies of the boxes, classes, scores and count."""
    indices = _signature_outputs(interpreter) or {
        f"output_{position}": details["index"]
        for position, details in enumerate(interpreter.get_output_details())
    }
    outputs = {name: interpreter.get_tensor(indices[name]) for name in sorted(indices)}
    roles = _roles_by_name(list(outputs)) or _roles_by_shape(list(outputs.values()))
    if roles is None:
        shapes = ", ".join(f"{name} {list(output.shape)}" for name, output in outputs.items())
        raise ValueError(
            f"the model's outputs are {shapes}, but a detection model has boxes [1, N, 4], "
            "classes [1, N], scores [1, N] and their number [1]"
        )
    return dict(zip(roles, outputs.values(), strict=True))


def _signature_outputs(interpreter: Interpreter) -> dict[str, int]:
    """Returns the tensors of the outputs by their names in the model's signature, if it has one."""
    native: Any = interpreter
    signatures = native._get_full_signature_list()
    if len(signatures) > 1:
        raise ValueError(
            "Only support model with one signature. This one has "
            f"{', '.join(signatures)}: convert it again with one of them"
        )
    return {
        name: index
        for signature in signatures.values()
        for name, index in signature["outputs"].items()
    }


def _roles_by_name(names: Sequence[str]) -> Sequence[str] | None:
    """Returns what each output is by its name, unless the names do not say."""
    said = [
        [role for role, words in _WORDS.items() if any(word in name.lower() for word in words)]
        for name in names
    ]
    roles = [each[0] for each in said if len(each) == 1]
    return roles if len(said) == len(roles) == len(set(roles)) == len(_WORDS) else None


def _roles_by_shape(outputs: Sequence[NDArray[Any]]) -> Sequence[str] | None:
    """Returns what each output is by its place and shape, unless they are of no known order."""
    for order in _ORDERS:
        shapes = dict(zip(order, (output.shape for output in outputs), strict=False))
        if (
            len(outputs) == len(order)
            and len(shapes["boxes"]) == 3
            and shapes["boxes"][2] == 4
            and shapes["scores"] == shapes["classes"] == shapes["boxes"][:2]
            and math.prod(shapes["count"]) == 1
        ):
            return order
    return None
