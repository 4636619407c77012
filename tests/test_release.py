"""What a release says about itself agrees, in all of its files."""

import re
import sys
from typing import Any

import pytest
from tests.conftest import ROOT

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
CITATION_KEYS = {  # https://github.com/citation-file-format/citation-file-format, version 1.2.0
    *("abstract", "authors", "cff-version", "contact", "date-released", "doi", "identifiers"),
    *("keywords", "license", "license-url", "message", "preferred-citation", "references"),
    *("repository", "repository-artifact", "repository-code", "title", "type", "url", "version"),
}
# The packages that open connections, and the parts of this package that use them, with what
# SECURITY.md calls each.
NETWORK = re.compile(
    r"^\s*(?:import|from) "
    r"(?:aiohttp|asyncio|flwr|fsspec|http|paho|ray|socket|ssl|urllib\.request)\b",
    re.MULTILINE,
)
USES_NETWORK = {
    "addresses": "`coral-learn fleet serve`",  # they only ask for addresses of this machine
    "certificate": "`coral-learn studio`",
    "cli/fleet_command": "`coral-learn fleet serve`",
    "dataset/addresses": "`s3://bucket/photos`",
    "distributed/ray": "`--engine ray`",
    "fleet": "`coral-learn fleet serve`",
    "jobs/watch": "`coral-learn watch --mqtt`",
    "named_models": "`--extractor NAME`",
    "studio": "`coral-learn studio`",
}


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    if sys.version_info < (3, 11):
        pytest.skip("needs tomllib")
    import tomllib

    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = table["project"]
    return found


def releases() -> list[tuple[str, str]]:
    """Returns the versions in the changelog with their dates, the newest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall("^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "Unreleased"
    found = [re.fullmatch(r"(\S+) - (\d{4}-\d\d-\d\d)", each) for each in headings[1:]]
    assert all(found)
    return [(each[1], each[2]) for each in found if each]


def test_the_citation_is_complete_and_of_this_release(project: dict[str, Any]) -> None:
    citation = read("CITATION.cff")
    assert {"authors", "cff-version", "message", "title"} <= set(citation) <= CITATION_KEYS
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["license"] == project["license"]
    assert citation["repository-code"] == project["urls"]["Source"]
    assert citation["url"] == project["urls"]["Documentation"]
    assert [each["name"] for each in citation["authors"]] == [
        each["name"] for each in project["authors"]
    ]
    version, date = releases()[0]
    assert citation["version"] == version == project["version"]
    assert str(citation["date-released"]) == date


def test_the_addresses_of_the_project_are_of_one_repository(project: dict[str, Any]) -> None:
    urls = dict(project["urls"])
    assert set(urls) == {"Changelog", "Documentation", "Issues", "Security", "Source"}
    source = urls.pop("Source")
    owner, name = source.removeprefix("https://github.com/").split("/")
    assert urls.pop("Documentation") == f"https://{owner}.github.io/{name}/"
    assert all(each.startswith(f"{source}/") for each in urls.values())
    links = read(".github/ISSUE_TEMPLATE/config.yml")["contact_links"]
    assert [link["url"] for link in links] == [
        project["urls"]["Documentation"],
        f"{source}/security/advisories/new",
    ]


@pytest.mark.parametrize("name", ["bug", "feature", "question"])
def test_a_form_for_issues_is_one_that_github_shows(name: str) -> None:
    form = read(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert set(form) == {"name", "description", "labels", "body"}
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(set(ids)) == len(ids) > 0
    for part in form["body"]:
        assert part["type"] in ("input", "markdown", "textarea")
        assert "value" in part["attributes"] or "label" in part["attributes"]
        assert set(part.get("validations", {})) <= {"required"}


def test_a_bug_report_needs_what_the_doctor_says() -> None:
    form = read(".github/ISSUE_TEMPLATE/bug.yml")
    [doctor] = [part for part in form["body"] if part.get("id") == "doctor"]
    assert doctor["validations"]["required"]
    assert "`coral-learn doctor --json`" in doctor["attributes"]["description"]


def test_the_security_policy_names_everything_that_uses_the_network() -> None:
    package = ROOT / "python" / "coral_learn"
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for path in package.rglob("*.py"):
        if NETWORK.search(path.read_text(encoding="utf-8")):
            inside = path.relative_to(package).as_posix()
            names = [name for part, name in USES_NETWORK.items() if inside.startswith(part)]
            assert names, f"{inside} uses the network: describe it in SECURITY.md"
            assert names[0] in policy


def test_every_workflow_pins_its_actions() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for action in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), f"{path.name}: {action}"
