"""Device strings: which are valid, and which Edge TPUs they mean."""

import pytest

from coral_learn.edgetpu.devices import check_device, matching_devices
from coral_learn.edgetpu.library import Device

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

DEVICES = [Device("usb", "/sys/bus/usb/devices/2-1"), Device("pci", "/dev/apex_7")]


@pytest.mark.parametrize("device", [":0", ":12", "usb", "usb:1", "pci", "pci:0"])
def test_every_device_string_of_pycoral_is_valid(device: str) -> None:
    check_device(device)


@pytest.mark.parametrize("device", ["", "0", ":", ":-1", "usb:", "usb1", "tpu", "pci:0 ", "USB"])
def test_other_device_strings_are_refused_with_the_valid_forms(device: str) -> None:
    with pytest.raises(ValueError, match=r"':0'.*'usb:1'.*'pci:0' or 'cpu'"):
        check_device(device)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (None, [0, 1]),
        (":0", [0]),
        (":1", [1]),
        (":2", []),
        ("usb", [0]),
        ("usb:0", [0]),
        ("usb:1", []),
        ("pci", [1]),
        ("pci:0", [1]),
    ],
)
def test_device_strings_count_in_the_order_of_the_list(
    device: str | None, expected: list[int]
) -> None:
    assert list(matching_devices(device, DEVICES)) == [DEVICES[index] for index in expected]
