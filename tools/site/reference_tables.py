"""A hook of MkDocs: the tables of the reference, for the style, and without defaults that are none.

mkdocs-click writes a default of every option, also where Click has none and calls it unset.
"""

from mkdocs.structure.pages import Page

_COMMANDS = "reference/command-line.md"
_UNSET = "<code>Sentinel.UNSET</code>"


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Marks the pages of the reference, and leaves out what is no default."""
    if not page.file.src_uri.startswith("reference/"):
        return html
    classes = "reference commands" if page.file.src_uri == _COMMANDS else "reference"
    return f'<div class="{classes}">{html.replace(_UNSET, "")}</div>'
