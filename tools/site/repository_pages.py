"""A hook of MkDocs: files of the repository outside docs/ become pages, and links to them work.

On GitHub the pages link to files such as ``../CONTRIBUTING.md``. Those that the site shows too are
listed here; a link to another file of the repository, such as a script, shows its path only,
because the site does not contain it.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[2]
_PAGES = {
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_SOURCES = {page: source for source, page in _PAGES.items()}
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that lie outside docs/."""
    for source, page in _PAGES.items():
        text = (_ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lets the links of a page lead where its file is on the site."""
    here = page.file.src_uri
    return _LINK.sub(lambda found: _on_site(found[0], found[1], found[2], here), markdown)


def _on_site(link: str, text: str, target: str, page: str) -> str:
    path, hash_mark, anchor = target.partition("#")
    if not path or ":" in path:
        return link
    source = posixpath.dirname(_SOURCES.get(page, f"docs/{page}"))
    in_repository = posixpath.normpath(posixpath.join(source, path))
    shown = _PAGES.get(in_repository, in_repository.removeprefix("docs/"))
    if shown == in_repository and in_repository not in _PAGES:
        return text if not page.startswith("http") else link
    to = posixpath.relpath(shown, posixpath.dirname(page) or ".")
    return f"[{text}]({to}{hash_mark}{anchor})"
