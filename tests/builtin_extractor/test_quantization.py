"""Weights in 8 bits and biases in 32."""

import numpy as np
import pytest
from builtin_extractor.quantization import (
    MAX_BIAS,
    quantization_of,
    quantize_filters,
)
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

SIZES = st.floats(1e-30, 1e3)
BIASES = st.floats(-1e3, 1e3)


@given(low=st.floats(-50, 50), width=st.floats(1e-3, 100), part=st.floats(0, 1))
def test_int8_stores_every_value_of_a_range_and_exactly_zero(
    low: float, width: float, part: float
) -> None:
    scale, zero_point = quantization_of(low, low + width)
    assert -128 <= zero_point <= 127
    stored = (low + part * width) / scale + zero_point
    assert -128.51 <= stored <= 127.51


@given(
    size=SIZES, bias=st.floats(-1e3, 1e3), input_scale=st.floats(1e-3, 1), seed=st.integers(0, 9)
)
def test_filters_come_back_and_biases_stay_under_the_limit(
    size: float, bias: float, input_scale: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    weights = random.normal(0, size, (4, 3, 3, 2))
    biases = np.array([bias, -bias, 0.0, bias / 7])
    found = quantize_filters(weights, biases, input_scale, axis=0)
    assert np.abs(found.biases.astype(np.int64)).max() < MAX_BIAS
    restored = found.weights * found.scales[:, None, None, None].astype(np.float64)
    assert np.all(np.abs(restored - weights) <= 0.51 * found.scales[:, None, None, None])
    restored_biases = found.biases * found.bias_scales.astype(np.float64)
    np.testing.assert_allclose(restored_biases, biases, atol=0.51 * found.bias_scales.max())


@pytest.mark.parametrize("axis", [0, 3])
def test_each_channel_has_its_own_scale(axis: int) -> None:
    weights = np.moveaxis(np.array([1.0, 10.0, 100.0])[:, None, None, None] * np.ones(4), 0, axis)
    found = quantize_filters(weights, np.zeros(3), 0.1, axis)
    np.testing.assert_allclose(found.scales, np.array([1, 10, 100]) / 127, rtol=1e-6)
    assert np.all(found.weights == 127)
    assert found.weights.shape == weights.shape
