"""The problems of Edge TPUs that cannot be used, and their fixes."""

import os
from pathlib import Path

import pytest

from coral_learn.edgetpu import device_problems
from coral_learn.edgetpu.device_problems import access_problem, explain_no_device
from coral_learn.edgetpu.library import Device

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

DEVICES = [Device("usb", "/sys/bus/usb/devices/2-1"), Device("pci", "/dev/apex_7")]


def test_the_problem_of_a_missing_device_lists_the_devices_found() -> None:
    problem = explain_no_device("usb:1", DEVICES)
    assert problem.what == "there is no Edge TPU 'usb:1'"
    assert ":0 (usb /sys/bus/usb/devices/2-1), :1 (pci /dev/apex_7)" in problem.fix


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artificial /dev and /sys, in which this user has no permission for any file."""
    monkeypatch.setattr(device_problems, "_NODES", tmp_path / "dev")
    monkeypatch.setattr(device_problems, "_USB_NODES", tmp_path / "dev/bus/usb")
    monkeypatch.setattr(device_problems, "_BUSES", tmp_path / "sys/bus")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    return tmp_path


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def attach_usb(machine: Path, vendor: str, product: str) -> Path:
    folder = machine / "sys/bus/usb/devices/2-1"
    values = {"idVendor": vendor, "idProduct": product, "busnum": "2", "devnum": "13"}
    for name, value in values.items():
        write(folder / name, value + "\n")
    return folder


@pytest.mark.parametrize(("vendor", "product"), [("1a6e", "089a"), ("18d1", "9302")])
def test_a_usb_device_without_permission(machine: Path, vendor: str, product: str) -> None:
    folder = attach_usb(machine, vendor, product)
    node = machine / "dev/bus/usb/002/013"
    write(node)
    unlisted = explain_no_device(None, [])
    assert unlisted.what == f"no permission to use the USB Edge TPU {node}"
    assert "plugdev" in unlisted.fix
    assert explain_no_device("usb", [Device("usb", str(folder))]) == unlisted
    assert access_problem(Device("usb", str(folder))) == unlisted


def test_a_usb_device_that_a_container_hides(machine: Path) -> None:
    attach_usb(machine, "18d1", "9302")
    problem = explain_no_device(None, [])
    assert problem.what.startswith("a USB Edge TPU is attached, but there is no ")
    assert "docker" in problem.fix


def test_other_usb_devices_are_not_edge_tpus(machine: Path) -> None:
    attach_usb(machine, "18d1", "4ee7")
    assert explain_no_device(None, []).what == "no Edge TPU was found"


def test_a_pcie_device_without_permission(machine: Path) -> None:
    node = machine / "dev/apex_0"
    write(node)
    unlisted = explain_no_device(None, [])
    assert unlisted.what == f"no permission to use the PCIe Edge TPU {node}"
    assert "usermod -aG apex" in unlisted.fix
    assert access_problem(Device("pci", str(node))) == unlisted


def test_a_pcie_device_without_its_driver(machine: Path) -> None:
    write(machine / "sys/bus/pci/devices/0000:01:00.0/vendor", "0x1ac1\n")
    write(machine / "sys/bus/pci/devices/0000:01:00.0/device", "0x089a\n")
    problem = explain_no_device(None, [])
    assert "its driver is not loaded" in problem.what
    assert "gasket-dkms" in problem.fix


def test_a_listed_device_whose_files_are_unknown_has_no_problem(machine: Path) -> None:
    assert access_problem(Device("usb", "/nowhere")) is None
    assert access_problem(Device("pci", "/nowhere")) is None
