"""Lines with bold and colored parts: on a terminal as Rich prints them, and plain elsewhere."""

import io
import re
import sys

import pytest

from coral_learn.cli.display import print_answer, print_note
from coral_learn.jobs.answer import Answer, Class
from coral_learn.progress import progress_bars


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _usual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def line_of_classes(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, label: str) -> str:
    monkeypatch.setattr(sys, "stdout", stream)
    print_answer("a.jpg", Answer([Class(0, label, 0.5)]))
    return stream.getvalue()


def test_a_label_is_bold_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert line_of_classes(monkeypatch, io.StringIO(), "cat") == "a.jpg: cat 50.0%\n"
    assert line_of_classes(monkeypatch, Terminal(), "cat") == "a.jpg: \x1b[1mcat\x1b[0m 50.0%\n"


def test_the_environment_decides_as_it_does_for_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1m" in line_of_classes(monkeypatch, io.StringIO(), "cat")
    monkeypatch.setenv("TERM", "dumb")
    assert line_of_classes(monkeypatch, Terminal(), "cat") == "a.jpg: cat 50.0%\n"


@pytest.mark.parametrize(
    ("label", "shown"), [(":cat:", ":cat:"), ("[bold]", "[bold]"), ("a\x1b[2J", r"a\x1b[2J")]
)
def test_a_label_is_printed_as_it_is_named(
    monkeypatch: pytest.MonkeyPatch, label: str, shown: str
) -> None:
    assert line_of_classes(monkeypatch, io.StringIO(), label) == f"a.jpg: {shown} 50.0%\n"


def test_a_note_has_a_color_unless_the_user_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, shown in (("", "\x1b[33mnote\x1b[0m one\n"), ("1", "note one\n")):
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("NO_COLOR", setting)
        print_note("note", "one")
        assert stream.getvalue() == shown


def test_a_note_has_a_line_of_its_own_above_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bars() as update:
        update("Reading", 1, 2)
        print_note("note", "one")
        update("Reading", 2, 2)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "note one" in re.split(r"[\r\n]+", plain)
