"""The detector of the tests gives what its documentation says, in every order of its outputs."""

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike
from tests.support.detection_model import OUTPUTS, detection_model, quarters_image
from tests.support.model_builder import make_interpreter

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

QUARTERS = quarters_image([(0, 204, 0), (51, 0, 102), (0, 5, 5), (255, 0, 255)])
EXPECTED: dict[str, list[Any]] = {
    "boxes": [[1, 1, 1.5, 1.5], [0, 0, 0.5, 0.5], [0.1, 0.6, 0.6, 1.1]],
    "classes": [1, 0, 1],
    "scores": [1, 0.8, 0.4],
}


def check(content: bytes, order: tuple[str, ...], image: np.ndarray) -> None:
    interpreter = make_interpreter(content)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    details = interpreter.get_output_details()
    found = {
        name: interpreter.get_tensor(output["index"])
        for name, output in zip(order, details, strict=True)
    }
    assert found.pop("count").tolist() == [3]
    for name, expected in EXPECTED.items():
        np.testing.assert_allclose(found[name][0, :3], expected, atol=1e-5)


@pytest.mark.parametrize("order", list(itertools.permutations(OUTPUTS)), ids="-".join)
def test_order_of_the_outputs(order: tuple[str, ...]) -> None:
    check(detection_model(order), order, QUARTERS)


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_other_types_of_the_image(dtype: DTypeLike) -> None:
    image = QUARTERS / 255 if dtype == np.float32 else QUARTERS.astype(np.int16) - 128
    check(detection_model(dtype=dtype), OUTPUTS, image.astype(dtype))


def test_the_signature_names_the_outputs() -> None:
    signature = {"output_0": "scores", "output_1": "boxes", "output_2": "count", "x": "classes"}
    interpreter = make_interpreter(detection_model(signature=signature))
    outputs = interpreter._get_full_signature_list()["serving_default"]["outputs"]
    by_index = {each["index"]: each["name"] for each in interpreter.get_output_details()}
    assert {name: by_index[index] for name, index in outputs.items()} == signature
