"""Numbers in sentences."""

import math

import pytest

from coral_learn.words import counted, describe_accuracy, listed, percent, quoted

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


def test_a_number_agrees_with_its_noun() -> None:
    assert counted(1, "photo") == "1 photo"
    assert counted(0, "photo") == "0 photos"
    assert counted(2, "class", "classes") == "2 classes"


def test_a_long_list_ends_with_the_number_of_the_rest() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_names_that_a_user_has_chosen_have_quotes() -> None:
    assert quoted(["nothing", "it's"]) == "'nothing', \"it's\""
    assert quoted(["a", "b", "c"], 1) == "'a' and 2 more"
    assert quoted([]) == ""


@pytest.mark.parametrize(
    ("fraction", "text"), [(1.0000002, "100.0%"), (-1e-9, "0.0%"), (0.1234, "12.3%")]
)
def test_no_percentage_is_outside_its_range(fraction: float, text: str) -> None:
    assert percent(fraction) == text


def test_not_a_number_is_not_hidden() -> None:
    assert percent(math.nan) == "nan%"


def test_an_accuracy_has_its_photos_and_its_interval() -> None:
    text = describe_accuracy(0.5, 1, (0.1, 0.9), "test photo")
    assert text == "50.0% of 1 test photo (95% interval: 10.0% to 90.0%)"
