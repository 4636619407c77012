"""Work that Flower hands out, done in this process rather than in a new one for each message.

Flower starts a new Python for each message to a board, and runs in it what the coordinator has
sent. Here the one that runs already answers, with the code that is installed: a board does what
coral-learn does, whatever a coordinator sends.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from flwr.app import Context, Error, Message
from flwr.common.constant import ErrorCode, SubStatus
from flwr.common.serde import context_from_proto, context_to_proto, run_from_proto
from flwr.proto.runtime_pb2 import (
    AcquireTaskRequest,
    PullTaskInputRequest,
    PushTaskOutputRequest,
)
from flwr.serverapp import Grid
from flwr.supercore.heartbeat import HeartbeatSender, make_task_heartbeat_fn_http
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
)
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.grid import HttpGrid
from flwr.supernode.runtime.run_clientapp import pull_task_input, push_message, push_task_output

from ..failures import explain

_POLL_SECONDS = 0.03
_MAX_POLL_SECONDS = 0.5
_LONG_SECONDS = 10.0  # Flower gives a task up that says nothing for 60
_CLIENT_TASK, _SERVER_TASK = "flwr-clientapp", "flwr-serverapp"


@dataclass(frozen=True)
class Endpoint:
    """The part of a SuperLink or SuperNode that hands out work.

    Attributes:
        address: Host and port.
        certificate: The file of the certificate that it must have; None for no TLS.
    """

    address: str
    certificate: Path | None = None

    def client(self, *interceptors: Any) -> RuntimeHttpClient:
        """Returns a client of it."""
        return RuntimeHttpClient.from_server_address(
            server_address=self.address,
            insecure=self.certificate is None,
            root_certificates=self.certificate and self.certificate.read_bytes(),
            interceptors=[
                RuntimeVersionHttpInterceptor(component_name="coral-learn"),
                *interceptors,
            ],
        )


def answer_messages(
    endpoint: Endpoint,
    app: Callable[[Message, Context], Message],
    is_over: Callable[[], bool],
) -> None:
    """Answers the messages to a node.

    Args:
        endpoint: The node.
        app: The app that answers.
        is_over: Tells between messages whether to stop.
    """
    busy = time.monotonic()
    client = endpoint.client()
    try:
        while not is_over():
            token = _acquire(client, _CLIENT_TASK)
            if token is None:
                wait = (time.monotonic() - busy) / 10
                time.sleep(min(max(wait, _POLL_SECONDS), _MAX_POLL_SECONDS))
                continue
            busy = time.monotonic()
            task = endpoint.client(RuntimeTokenHttpInterceptor(token))
            try:
                _answer(task, app)
            finally:
                task.close()
    finally:
        client.close()


def _answer(task: RuntimeHttpClient, app: Callable[[Message, Context], Message]) -> None:
    message, context, _, _ = pull_task_input(task)
    status, details = SubStatus.COMPLETED, ""
    try:
        with _kept_alive(task):
            reply = app(message, context)
    except Exception as error:  # the coordinator is told, and leaves this board out
        status, details = SubStatus.FAILED, explain(error)
        code = ErrorCode.CLIENT_APP_RAISED_EXCEPTION
        reply = Message(Error(code=code, reason=details), reply_to=message)
    push_message(task, reply, context)
    push_task_output(client=task, context=context, sub_status=status, details=details)


@contextmanager
def _kept_alive(task: RuntimeHttpClient) -> Iterator[None]:
    """Says that a task goes on, if it takes long."""
    heartbeat = HeartbeatSender(make_task_heartbeat_fn_http(task))
    timer = threading.Timer(_LONG_SECONDS, heartbeat.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if heartbeat.is_running:
            heartbeat.stop()


@contextmanager
def run_of_server(endpoint: Endpoint, run_id: int) -> Iterator[tuple[Grid, Context]]:
    """Takes over a run that was submitted to a SuperLink, and ends it.

    Args:
        endpoint: The SuperLink.
        run_id: The run.

    Yields:
        The grid and the context, as the main function of a ServerApp gets them.

    Raises:
        TimeoutError: The SuperLink hands out no such run.
    """
    client = endpoint.client()
    token = _wait_for(client, _SERVER_TASK)
    client.close()
    certificate = endpoint.certificate and endpoint.certificate.read_bytes()
    grid = HttpGrid(endpoint.address, certificate is None, certificate, token=token)
    task = grid._runtime_client  # there is no other way to it
    heartbeat = HeartbeatSender(make_task_heartbeat_fn_http(task))
    heartbeat.start()
    status, details = SubStatus.FAILED, "it was stopped"
    found = task.PullTaskInput(PullTaskInputRequest())
    context = context_from_proto(found.context)
    try:
        if found.run.run_id != run_id:
            raise TimeoutError("somebody else has submitted a run to this SuperLink")
        TaskIdentity.task_id, TaskIdentity.run_id = found.task_id, run_id
        TaskIdentity.node_id = found.context.node_id
        grid.set_run(run_from_proto(found.run))
        yield grid, context
        status, details = SubStatus.COMPLETED, ""
    finally:
        output = PushTaskOutputRequest(
            context=context_to_proto(context), sub_status=status, details=details
        )
        with suppress(httpx.HTTPError):  # the SuperLink may have ended, and with it the run
            task.PushTaskOutput(output)
        heartbeat.stop()
        grid.close()


def _acquire(client: RuntimeHttpClient, kind: str) -> str | None:
    """Returns the token of a task, or None if there is none, or nobody to ask yet."""
    try:
        return client.AcquireTask(AcquireTaskRequest(supported_task_types=[kind])).token or None
    except httpx.TransportError:
        return None


def _wait_for(client: RuntimeHttpClient, kind: str, seconds: float = 30.0) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if token := _acquire(client, kind):
            return token
        time.sleep(_POLL_SECONDS)
    raise TimeoutError("the SuperLink hands out no run")
