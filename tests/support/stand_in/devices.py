"""The Edge TPUs of the stand-in: their settings, and the counts that tests check."""

import ctypes
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from coral_learn import edgetpu
from coral_learn.edgetpu.library import LIBRARY_VARIABLE
from coral_learn.tflite.file import ModelSource

PATHS = {"usb": "/sys/bus/usb/devices/stand-in-{}", "pci": "/dev/stand-in_{}"}

_OPENED = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p)
_CLOSED = ctypes.CFUNCTYPE(None, ctypes.c_int)
_RUN = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t
)


class _Hooks(ctypes.Structure):
    _fields_ = (("opened", _OPENED), ("closed", _CLOSED), ("run", _RUN))


class StandIn:
    """Edge TPUs on which a compiled model gives the results of the same model for the CPU.

    Attributes:
        opened: The device and the options of every delegate that was made, in order.
        open_delegates: The number of delegates that are alive.
        inferences: The number of inferences on each device.
        unplugged: The devices that fail from now on; tests may add to it.
        latency: The minimum duration of an inference, in seconds.
    """

    def __init__(
        self,
        twin: ModelSource | None,
        devices: Sequence[str],
        *,
        latency: float = 0.0,
        unplugged_after: Mapping[int, int] | None = None,
    ) -> None:
        """Describes the devices; :func:`plugged_in` makes libedgetpu list them.

        Args:
            twin: The model for the CPU that does the arithmetic; None if this process runs no
                model.
            devices: "usb" or "pci" for each device, in the order of the list.
            latency: The minimum duration of an inference, in seconds.
            unplugged_after: The number of inferences after which a device fails, by device.
        """
        self.twin = twin
        self.devices = [
            {"type": kind, "path": PATHS[kind].format(index)} for index, kind in enumerate(devices)
        ]
        self.latency = latency
        self.opened: list[tuple[int, dict[str, str]]] = []
        self.open_delegates = 0
        self.inferences = [0] * len(devices)
        self.unplugged: set[int] = set()
        self._unplugged_after = dict(unplugged_after or {})
        self._locks = [threading.Lock() for _ in devices]  # a device does one inference at a time
        self._twins: dict[int, edgetpu.Interpreter] = {}
        self._hooks = _Hooks(_OPENED(self._open), _CLOSED(self._close), _RUN(self._run))

    def hook_into(self, library: ctypes.CDLL) -> None:
        """Makes the kernel of an open library call this object, which must live as long."""
        library.stand_in_set_hooks(ctypes.byref(self._hooks))

    def environment(self) -> dict[str, str]:
        """Returns the environment variables that describe the devices to the library."""
        listed = " ".join(f"{device['type']}={device['path']}" for device in self.devices)
        return {"STAND_IN_DEVICES": listed}

    def _open(self, device: int, options: bytes) -> None:
        pairs = (line.split("=", 1) for line in options.decode().splitlines())
        self.opened.append((device, dict(pairs)))
        self.open_delegates += 1

    def _close(self, device: int) -> None:
        self.open_delegates -= 1

    def _run(
        self, device: int, source: int, source_size: int, target: int, target_size: int
    ) -> bool:
        """Runs an inference, and returns whether it succeeded; an exception counts as False."""
        with self._locks[device]:
            if self.inferences[device] == self._unplugged_after.get(device):
                self.unplugged.add(device)
            if device in self.unplugged:
                return False
            time.sleep(self.latency)
            output = self._infer(device, ctypes.string_at(source, source_size))
            if len(output) != target_size:
                raise ValueError(
                    f"the twin has {len(output)} bytes of output, the model has {target_size}"
                )
            ctypes.memmove(target, output, target_size)
            self.inferences[device] += 1
            return True

    def _infer(self, device: int, content: bytes) -> bytes:
        if device not in self._twins:
            assert self.twin is not None
            self._twins[device] = edgetpu.make_interpreter(self.twin, device="cpu")
            self._twins[device].allocate_tensors()
        twin = self._twins[device]
        details = twin.get_input_details()[0]
        values = np.frombuffer(content, details["dtype"]).reshape(details["shape"])
        twin.set_tensor(details["index"], values)
        twin.invoke()
        return twin.get_tensor(twin.get_output_details()[0]["index"]).tobytes()


@contextmanager
def plugged_in(
    library: Path,
    twin: ModelSource | None = None,
    devices: Sequence[str] = ("usb",),
    *,
    latency: float = 0.0,
    unplugged_after: Mapping[int, int] | None = None,
) -> Iterator[StandIn]:
    """Plugs devices in, for this process and the processes that it starts in the meantime."""
    stand_in = StandIn(twin, devices, latency=latency, unplugged_after=unplugged_after)
    handle = ctypes.CDLL(str(library))
    variables = {LIBRARY_VARIABLE: str(library), **stand_in.environment()}
    with mock.patch.dict(os.environ, variables):
        stand_in.hook_into(handle)
        try:
            yield stand_in
        finally:
            handle.stand_in_set_hooks(None)
