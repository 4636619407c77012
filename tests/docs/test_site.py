"""The built site: what it loads, and how it is used in a real browser."""

import functools
import importlib.util
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.support.chromium import open_chromium, write_film

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

SITE = ROOT / "build" / "site"
PHONE = {"width": 390, "height": 844}
_SECONDS = 30


@pytest.fixture(scope="module")
def check_site() -> ModuleType:
    path = ROOT / "tools" / "site" / "check_site.py"
    spec = importlib.util.spec_from_file_location("check_site", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<script src="//cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example/css">',
        '<link rel="preconnect" href="https://fonts.example">',
        '<img alt="" src="http://example/a.png">',
        '<img alt="" srcset="a.png 1x, https://example/a.png 2x">',
        '<iframe src="https://example/"></iframe>',
        '<p style="background: url(https://example/a.png)"></p>',
        "<style>@import 'https://example/a.css';</style>",
        '<pre class="mermaid">graph LR</pre>',
    ],
)
def test_what_a_page_would_load_from_elsewhere_is_found(
    check_site: ModuleType, tmp_path: Path, element: str
) -> None:
    (tmp_path / "page.html").write_text(f"<body>{element}</body>")
    assert check_site.main(tmp_path) == 1


@pytest.mark.parametrize(
    "text",
    ["What follows:\n- <b>one</b>", "the first. \n2. <b>two</b>", "```sh", "see :meth:`fit`"],
)
def test_markup_that_is_shown_as_text_is_found(
    check_site: ModuleType, tmp_path: Path, text: str
) -> None:
    (tmp_path / "page.html").write_text(f"<p>{text}</p>")
    assert check_site.main(tmp_path) == 1


def test_links_and_files_of_the_site_are_fine(check_site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://example.org">a</a> <link rel="canonical" href="https://example.org">'
        '<img alt="" src="../a.png"><script src="a.js"></script><h2>1. One</h2>'
        "<p>as <code>- this</code></p>\n- two"
    )
    (tmp_path / "a.css").write_text("p { background: url(a.png) } /* https://example.org */")
    assert check_site.main(tmp_path) == 0


def test_a_style_and_a_missing_site_are_problems(check_site: ModuleType, tmp_path: Path) -> None:
    assert check_site.main(tmp_path) == 1
    (tmp_path / "page.html").write_text("<p>a</p>")
    (tmp_path / "a.css").write_text("@font-face { src: url('https://fonts.example/a.woff2') }")
    assert check_site.main(tmp_path) == 1


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serves the built site to this machine."""
    if not (SITE / "index.html").is_file():
        pytest.skip("the site is not built: nox -s docs")
    handler = functools.partial(_QuietHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    film = tmp_path_factory.mktemp("film") / "film.mjpeg"
    with open_chromium(write_film(film, [next(photos.glob("*/*"))])) as opened:
        yield opened


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Opens a page that is as wide as a phone, and ends without errors or other machines."""
    context = browser.new_context(viewport=PHONE)
    opened = context.new_page()
    opened.set_default_timeout(_SECONDS * 1000)
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert not errors
    context.close()


def test_the_search_finds_a_name_of_the_package(page: Any, address: str) -> None:
    page.goto(address)
    page.locator("label.md-header__button[for=__search]").click()
    page.locator("input.md-search__input").press_sequentially("find_label_errors")
    found = page.locator("a.md-search-result__link[href*='reference/python/']").first
    found.wait_for()
    page.goto(found.get_attribute("href"))
    assert page.locator("article").get_by_text("find_label_errors").count() > 0


@pytest.mark.parametrize("path", ["", "reference/python/", "boards/", "reference/command-line/"])
def test_a_page_fits_a_phone(page: Any, address: str, path: str) -> None:
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator("article h1").count() == 1
