"""Names that Pillow removed and that scripts for pycoral use."""

from types import ModuleType


def restore_names(image: ModuleType) -> None:
    """Gives Pillow's module ``PIL.Image`` the filter ``ANTIALIAS`` again, which is LANCZOS."""
    if not hasattr(image, "ANTIALIAS"):
        image.ANTIALIAS = image.Resampling.LANCZOS  # type: ignore[attr-defined]
