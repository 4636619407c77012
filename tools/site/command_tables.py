"""A hook of MkDocs: the tables of options on the page of the command line.

mkdocs-click writes a default of every option, also where Click has none and calls it unset.
"""

from mkdocs.structure.pages import Page

_PAGE = "reference/command-line.md"
_UNSET = "<code>Sentinel.UNSET</code>"


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Leaves out what is no default, and marks the tables for the style."""
    if page.file.src_uri != _PAGE:
        return html
    return f'<div class="commands">{html.replace(_UNSET, "")}</div>'
