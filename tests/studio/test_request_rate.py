"""Requests that come too fast: refused with a word, and nobody else has to wait."""

import pytest
from tests.studio.test_server import Client, on_server, project

from coral_learn.project.project import Project
from coral_learn.studio.request_rate import RequestRate

__all__ = ["project"]  # a fixture

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def test_requests_that_come_too_fast_are_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coral_learn.studio.server.MAX_REQUESTS_PER_SECOND", 5)

    async def work(client: Client) -> None:
        answers = [await client.get("/api/state") for _ in range(20)]
        assert {answer.status for answer in answers} == {200, 429}
        refused = next(answer for answer in answers if answer.status == 429)
        assert "too many requests" in (await refused.json())["error"]
        assert refused.headers["Retry-After"] == "1"
        assert (await client.get("/page/main.js")).status == 200

    on_server(project, work)


def test_each_visitor_is_counted_apart_and_in_each_second_again() -> None:
    rate = RequestRate(most=2)
    assert [rate.admits("a", 10 + number / 10) for number in range(3)] == [True, True, False]
    assert rate.admits("b", 10.9)
    assert rate.admits("a", 11)
