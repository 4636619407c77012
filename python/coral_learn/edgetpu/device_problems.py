"""Why an Edge TPU cannot be used, as /dev and /sys show it, and how to fix it."""

import os
from collections.abc import Sequence
from pathlib import Path

from .devices import matching_devices
from .library import Device
from .problem import Problem

_USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}  # before and after its firmware is loaded
_PCI_ID = ("0x1ac1", "0x089a")
_NODES = Path("/dev")
_USB_NODES = _NODES / "bus/usb"
_BUSES = Path("/sys/bus")


def explain_no_device(device: str | None, devices: Sequence[Device]) -> Problem:
    """Describes why no Edge TPU could be opened.

    Args:
        device: The requested device string; None for any Edge TPU.
        devices: The Edge TPUs that libedgetpu lists.
    """
    if not devices:
        return _unlisted_device_problem() or Problem(
            "no Edge TPU was found", "plug one in, or check its cable and power"
        )
    matching = matching_devices(device, devices)
    if not matching:
        listed = ", ".join(
            f":{index} ({each.type} {each.path})" for index, each in enumerate(devices)
        )
        return Problem(f"there is no Edge TPU {device!r}", f"choose one that was found: {listed}")
    for each in matching:
        problem = access_problem(each)
        if problem is not None:
            return problem
    return Problem(
        f"the Edge TPU {matching[0].type} {matching[0].path} could not be opened",
        "another program is probably using it: stop that program, or unplug the Edge TPU and plug "
        "it in again",
    )


def is_attached() -> bool:
    """Tells whether an Edge TPU is attached to the machine, whether libedgetpu lists it or not."""
    return bool(
        _attached("usb", ("idVendor", "idProduct"), _USB_IDS)
        or list(_NODES.glob("apex_*"))
        or _attached("pci", ("vendor", "device"), {_PCI_ID})
    )


def access_problem(device: Device) -> Problem | None:
    """Describes what is wrong with the permissions of a device that libedgetpu lists, if any."""
    if device.type == "usb":
        return _usb_access_problem(Path(device.path))
    return _pci_access_problem(Path(device.path))


def _unlisted_device_problem() -> Problem | None:
    """Looks for an Edge TPU that is attached to the machine although libedgetpu lists none."""
    for folder in _attached("usb", ("idVendor", "idProduct"), _USB_IDS):
        node = _usb_node(folder)
        if node is not None and not node.exists():
            return Problem(
                f"a USB Edge TPU is attached, but there is no {node}",
                f"if this is a container, give it access to {_USB_NODES} (`docker run --privileged "
                f"-v {_USB_NODES}:{_USB_NODES}`)",
            )
        if (problem := _usb_access_problem(folder)) is not None:
            return problem
    nodes = sorted(_NODES.glob("apex_*"))
    for node in nodes:
        if (problem := _pci_access_problem(node)) is not None:
            return problem
    if not nodes and _attached("pci", ("vendor", "device"), {_PCI_ID}):
        return Problem(
            f"a PCIe Edge TPU is attached, but its driver is not loaded (no {_NODES}/apex_0)",
            "install the gasket-dkms package and restart; a container needs `docker run "
            "--device /dev/apex_0`",
        )
    return None


def _attached(bus: str, names: tuple[str, str], ids: set[tuple[str, str]]) -> list[Path]:
    """Returns the folders in /sys of the devices with one of these (vendor, product) pairs."""
    return [
        folder
        for folder in sorted((_BUSES / bus / "devices").glob("*"))
        if (_read(folder / names[0]), _read(folder / names[1])) in ids
    ]


def _usb_node(folder: Path) -> Path | None:
    bus, number = _read(folder / "busnum"), _read(folder / "devnum")
    if not (bus.isdecimal() and number.isdecimal()):
        return None
    return _USB_NODES / f"{int(bus):03}" / f"{int(number):03}"


def _usb_access_problem(folder: Path) -> Problem | None:
    node = _usb_node(folder)
    if node is None or _permitted(node):
        return None
    return Problem(
        f"no permission to use the USB Edge TPU {node}",
        "add yourself to the group of its udev rule with `sudo usermod -aG plugdev $USER`, log in "
        "again and replug it; libedgetpu's package installs the rule",
    )


def _pci_access_problem(node: Path) -> Problem | None:
    if _permitted(node):
        return None
    return Problem(
        f"no permission to use the PCIe Edge TPU {node}",
        "add yourself to its group with `sudo usermod -aG apex $USER` and log in again; a udev "
        'rule SUBSYSTEM=="apex", MODE="0660", GROUP="apex" must exist',
    )


def _permitted(node: Path) -> bool:
    """Returns whether a device file may be used; a file that is missing counts as permitted."""
    return not node.exists() or os.access(node, os.R_OK | os.W_OK)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
