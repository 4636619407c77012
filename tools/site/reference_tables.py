"""A hook of MkDocs: the tables of the reference, for the style, and without defaults that are none.

mkdocs-click writes a default of every option, also where Click has none and calls it unset.
"""

from mkdocs.structure.pages import Page

_UNSET = "<code>Sentinel.UNSET</code>"
_CLASSES = {"pycoral.md": "keys names", "reference/command-line.md": "keys commands"}


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Marks pages with tables of keys and names, and leaves out what is no default."""
    path = page.file.src_uri
    classes = _CLASSES.get(path, "keys" if path.startswith("reference/") else "")
    return f'<div class="{classes}">{html.replace(_UNSET, "")}</div>' if classes else html
