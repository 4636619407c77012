"""The Edge TPUs, and the version of libedgetpu."""

from ...edgetpu.devices import list_edge_tpus
from ...edgetpu.library import get_runtime_version
from .assignment import assigned_paths

__all__ = [
    "EDGE_TPU_STATE_ASSIGNED",
    "EDGE_TPU_STATE_NONE",
    "EDGE_TPU_STATE_UNASSIGNED",
    "SUPPORTED_RUNTIME_VERSION",
    "GetRuntimeVersion",
    "ListEdgeTpuPaths",
]

SUPPORTED_RUNTIME_VERSION = "RuntimeVersion(12)"
"""The version of libedgetpu that the old library was built for. This package needs none of its own,
but a runtime and a libedgetpu that belong together."""

EDGE_TPU_STATE_NONE = 0
EDGE_TPU_STATE_ASSIGNED = 1
EDGE_TPU_STATE_UNASSIGNED = 2

GetRuntimeVersion = get_runtime_version


def ListEdgeTpuPaths(state: int) -> tuple[str, ...]:  # noqa: N802 (the old library's name)
    """Returns the paths of Edge TPUs.

    Args:
        state: ``EDGE_TPU_STATE_ASSIGNED`` for those that engines of this process have been given,
            ``EDGE_TPU_STATE_UNASSIGNED`` for the others, ``EDGE_TPU_STATE_NONE`` for all.
    """
    paths = tuple(device["path"] for device in list_edge_tpus())
    if state == EDGE_TPU_STATE_NONE:
        return paths
    assigned = assigned_paths()
    return tuple(path for path in paths if (path in assigned) == (state == EDGE_TPU_STATE_ASSIGNED))
