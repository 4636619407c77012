"""Pages: HTML files that need no network, made from a template of this package."""

from collections.abc import Callable, Mapping
from typing import Any


def render(package: str, filters: Mapping[str, Callable[..., object]], **values: object) -> bytes:
    """Returns the page of the ``template.html.j2`` in a package.

    Args:
        package: The name of the package.
        filters: The filters of the template, by name.
        **values: What the template shows, by name.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment: Any = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    page: str = environment.get_template("template.html.j2").render(**values)
    return page.encode(errors="backslashreplace")  # names of photos may not be valid text
