"""The stand-in for libedgetpu as pytest fixtures."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.support.stand_in import library
from tests.support.stand_in.devices import StandIn, plugged_in


@pytest.fixture(scope="session")
def c_compiler() -> str:
    """The compiler that builds the stand-in."""
    path = library.compiler()
    if path is None:
        pytest.skip("no C compiler to build the stand-in for libedgetpu: install one, or set CC")
    return path


@pytest.fixture(scope="session")
def stand_in_library(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working libedgetpu.so.1, which lists no devices until some are plugged in."""
    return library.build(tmp_path_factory.mktemp("libedgetpu"))


@pytest.fixture
def edge_tpus(stand_in_library: Path) -> Callable[..., AbstractContextManager[StandIn]]:
    """Plugs Edge TPUs in: ``with edge_tpus(twin, ["usb", "pci"]) as tpus``.

    See :func:`plugged_in` for the arguments, and :class:`StandIn` for what it counts.
    """
    return functools.partial(plugged_in, stand_in_library)
