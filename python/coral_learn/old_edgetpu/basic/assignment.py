"""Which Edge TPU each engine of this process has been given."""

import threading
import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from ...edgetpu.devices import choose_device, list_edge_tpus, matching_devices
from ...edgetpu.library import Device, open_library
from ...edgetpu.problem import Problem
from ...errors import LibraryError

_NONE_FREE = (
    "Multiple Edge TPUs detected and all have been mapped to at least one model. If you want to "
    "share one Edge TPU with multiple models, specify `device_path` name."
)


@dataclass(frozen=True, eq=False)
class Assignment:
    """An Edge TPU that an engine has been given, until this object is gone.

    Attributes:
        path: The path of the Edge TPU; "" if the engine has none.
        device: The device string to open it with.
    """

    path: str
    device: str | None


_lock = threading.Lock()
_assignments: "weakref.WeakSet[Assignment]" = weakref.WeakSet()


def assign(device_path: str | None, *, is_compiled: bool) -> Assignment:
    """Gives an engine an Edge TPU.

    As in the old library, an engine gets an Edge TPU whether its model was compiled for it or not;
    but only compiled models fail without one.

    Args:
        device_path: The path of the Edge TPU, which may be in use; None for one that no engine
            uses, or for the only one that there is.
        is_compiled: Whether the model needs the Edge TPU.

    Raises:
        RuntimeError: There is no such Edge TPU, or all of several are in use.
    """
    devices = [Device(**listed) for listed in list_edge_tpus()]
    with _lock:
        if device_path:
            found = [device for device in devices if device.path == device_path]
            if not found and (devices or is_compiled):
                raise _unknown_path(device_path)
            if not found:  # a laptop, where a model for the CPU can be tried
                warnings.warn(
                    f"there is no Edge TPU {device_path!r}: the model runs on the CPU", stacklevel=2
                )
        else:
            found = _free_devices(devices, is_compiled)
        if not found:  # opening the device, if the model needs one, tells why
            return Assignment("", choose_device())
        assignment = Assignment(found[0].path, f":{devices.index(found[0])}")
        _assignments.add(assignment)
        return assignment


def release(assignment: Assignment) -> None:
    """Takes the Edge TPU from an engine that could not be made."""
    with _lock:
        _assignments.discard(assignment)


def assigned_paths() -> set[str]:
    """Returns the paths of the Edge TPUs that engines have been given."""
    with _lock:
        return _paths()


def _free_devices(devices: Sequence[Device], is_compiled: bool) -> list[Device]:
    """Returns the Edge TPUs that an engine can have, the best first; empty if there are none."""
    chosen = choose_device()
    candidates = [] if chosen == "cpu" else list(matching_devices(chosen, devices))
    if len(candidates) < 2:
        return candidates
    used = _paths()
    free = [device for device in candidates if device.path not in used]
    if not free and is_compiled:
        raise RuntimeError(_NONE_FREE)
    return sorted(free, key=lambda device: device.type != "pci")  # the faster ones


def _paths() -> set[str]:
    return {assignment.path for assignment in _assignments}


def _unknown_path(device_path: str) -> RuntimeError:
    library = open_library()
    if isinstance(library, Problem):
        return library.error(LibraryError)
    return RuntimeError(f"Path {device_path} does not map to an Edge TPU device.")
