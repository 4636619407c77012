"""Pages: HTML files that need no network, made from a template of this package."""

from collections.abc import Callable, Mapping
from typing import Any


def render(name: str, filters: Mapping[str, Callable[..., object]], **values: object) -> bytes:
    """Returns a page.

    Args:
        name: The name of its template in ``pages``.
        filters: The filters of the template, by name.
        **values: What the template shows, by name.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment: Any = Environment(
        loader=PackageLoader(__package__, "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    page: str = environment.get_template(name).render(**values)
    return page.encode(errors="backslashreplace")  # names of photos may not be valid text
