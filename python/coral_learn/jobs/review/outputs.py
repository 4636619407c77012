"""The files of a review: its page, and the table that people edit."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ...files import write_atomically, write_together
from .findings import Review
from .page import PAGE_MARK, PageTable, render_page
from .table import absolute, format_table, is_table, is_unedited, table_rows

_PAGE_NAME = "review.html"


class ReviewFiles(NamedTuple):
    """The files of a review.

    Attributes:
        page: The page.
        table: The table.
    """

    page: Path
    table: Path


def review_files(output: Path) -> ReviewFiles:
    """Returns the files for ``--output``: the page, or a folder for ``review.html``.

    Raises:
        ValueError: The output is named like a table.
    """
    if output.suffix.lower() == ".csv":
        raise ValueError(
            f"the output {output} is named like the table, which is written beside the page. Give "
            f"the page, {output.with_suffix('.html')}."
        )
    page = output if output.suffix.lower() in (".html", ".htm") else output / _PAGE_NAME
    return ReviewFiles(page, page.with_suffix(".csv"))


def prepare_files(files: ReviewFiles, folders: Mapping[Path, str]) -> None:
    """Creates the folder of the files, and fails now rather than after minutes of work.

    Args:
        files: The files.
        folders: Folders that a review does not change, and what they are, such as "the project".

    Raises:
        ValueError: The files would lie in such a folder.
        OSError: The folder cannot be written.
    """
    folder = files.page.parent.resolve()
    for each, kind in folders.items():
        if each.is_dir() and folder.is_relative_to(each.resolve()):
            raise ValueError(
                f"the output {files.page} lies in {kind}, {each}, where nothing is changed. Choose "
                f"a place outside of it, such as {absolute(each)}-review."
            )
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".{files.page.name}.probe"
    try:
        write_atomically(probe, b"")
    finally:
        probe.unlink(missing_ok=True)


def foreign_review(files: ReviewFiles) -> list[Path]:
    """Returns the files in the way that no review wrote."""
    found = []
    if files.page.exists() and PAGE_MARK not in files.page.read_bytes():
        found.append(files.page)
    if files.table.exists() and not is_table(files.table.read_bytes()):
        found.append(files.table)
    return found


def edited_table(files: ReviewFiles) -> Path | None:
    """Returns the table in the way if a review wrote it and it was edited since."""
    if not files.table.exists():
        return None
    content = files.table.read_bytes()
    return files.table if is_table(content) and not is_unedited(content) else None


def write_review(review: Review, files: ReviewFiles, folder: Path | None) -> list[Path]:
    """Writes the page, and the table if photos can be moved; returns what was written.

    Args:
        review: The review.
        files: The files.
        folder: The folder that has the class folders; None if photos cannot be moved.

    Raises:
        OSError: A file cannot be written; both are then unchanged.
    """
    rows = [] if folder is None else table_rows(review, folder)
    if folder is None or not rows:
        write_together({files.page: render_page(review)})
        return [files.page]
    page = render_page(review, PageTable(files.table.name, rows, folder))
    write_together({files.page: page, files.table: format_table(rows)})
    return [files.page, files.table]
