"""Edge TPUs: how they are listed and chosen by a device string."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # models that run on the CPU need no libedgetpu
    from .library import Device

DEVICE_VARIABLE = "CORAL_LEARN_DEVICE"
"""The environment variable with the device to use if the caller does not name one."""

_DEVICE_STRING = re.compile(r"(?:(?P<type>usb|pci)?:(?P<index>\d+)|(?P<any>usb|pci))", re.ASCII)


def list_edge_tpus() -> list[dict[str, str]]:
    """Lists the attached Edge TPUs, in the order in which ``:0``, ``:1`` count them.

    Returns:
        A dict with ``type`` ("usb" or "pci") and ``path`` for each; an empty list if libedgetpu
        cannot be used.

    Examples:
        >>> from coral_learn import edgetpu
        >>> for device in edgetpu.list_edge_tpus():
        ...     print(device["type"], device["path"])  # doctest: +SKIP
    """
    from dataclasses import asdict

    from .library import list_devices, open_library
    from .problem import Problem

    library = open_library()
    if isinstance(library, Problem):
        return []
    return [asdict(device) for device in list_devices(library)]


def choose_device(device: str | None = None) -> str | None:
    """Returns the device to use: ``device``, or else CORAL_LEARN_DEVICE, or else None for any.

    Raises:
        ValueError: The device string is invalid; the message lists the valid forms.
    """
    chosen = device or os.environ.get(DEVICE_VARIABLE) or None
    if chosen not in (None, "cpu"):
        check_device(chosen)
    return chosen


def check_device(device: str) -> None:
    """Checks that a string is one of pycoral's names for an Edge TPU.

    Raises:
        ValueError: The string is not such a name. The message lists the valid forms.
    """
    if not _DEVICE_STRING.fullmatch(device):
        raise ValueError(
            f"invalid device {device!r}: use ':0' (the first Edge TPU of any kind), 'usb', "
            "'usb:1', 'pci', 'pci:0' or 'cpu'"
        )


def matching_devices(device: str | None, devices: Sequence[Device]) -> Sequence[Device]:
    """Returns the listed Edge TPUs that match a valid device string; all of them for None."""
    match = _DEVICE_STRING.fullmatch(device or "")
    if match is None:
        return devices
    kind = match["type"] or match["any"]
    of_kind = [candidate for candidate in devices if kind in (None, candidate.type)]
    if match["index"] is None:
        return of_kind
    return of_kind[int(match["index"]) :][:1]
