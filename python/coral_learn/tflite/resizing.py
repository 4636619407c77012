"""The ways in which a photo, which may have any shape, is resized to a model's input."""

from typing import Literal, cast, get_args

View = Literal["squash", "crop", "linear"]
"""What a model sees of a photo: ``squash`` is the whole photo, stretched to the input; ``crop`` is
its center in the shape of the input, for a square input the central square. Both average the
pixels; ``linear`` is the whole photo as Frigate stretches it, by bilinear interpolation alone."""

Resize = Literal["squash", "crop", "both", "linear"]
"""How a model's photos are resized. With ``both``, a head is trained on the squashed and on the
cropped view of each photo, and the model then sees the crop."""

VIEWS: dict[Resize, tuple[View, ...]] = {
    "squash": ("squash",),
    "crop": ("crop",),
    "both": ("crop", "squash"),
    "linear": ("linear",),
}
"""The views that a head is trained on; the first is the one that the model sees in use."""


def checked_view(view: str) -> View:
    """Returns the view that a caller chose.

    Raises:
        ValueError: There is no such view.
    """
    if view not in get_args(View):
        advice = "; both views are for training only" if view == "both" else ""
        raise ValueError(f"resize must be one of {', '.join(get_args(View))}, not {view!r}{advice}")
    return cast("View", view)


def checked_resize(resize: str) -> Resize:
    """Returns the way to resize training photos that a caller chose.

    Raises:
        ValueError: There is no such way.
    """
    if resize not in get_args(Resize):
        raise ValueError(f"resize must be one of {', '.join(get_args(Resize))}, not {resize!r}")
    return cast("Resize", resize)
