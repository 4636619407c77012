"""Strangeness and familiarity of embeddings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coral_learn.embeddings import Embeddings
from coral_learn.heads.familiarity import fit_familiarity
from coral_learn.heads.folds import make_folds
from coral_learn.heads.strangers import (
    MAX_DIRECTIONS,
    familiarity,
    fit_moments,
    strangeness,
    unit_rows,
)
from coral_learn.tflite.familiarity_note import MAX_BYTES, FamiliarityNote, note_bytes


def drawn(
    classes: int, each: int, features: int = 96, seed: int = 0, spread: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Returns embeddings of classes around fixed centers, float32, and their labels."""
    centers = np.random.default_rng(7).normal(size=(classes, features))
    labels = np.repeat(np.arange(classes), each)
    noise = np.random.default_rng(seed).normal(size=(len(labels), features))
    return (centers[labels] + spread * noise).astype(np.float32), labels


def familiar(rows: np.ndarray, labels: np.ndarray) -> FamiliarityNote:
    embeddings = Embeddings(rows)
    found = fit_familiarity(embeddings, labels, make_folds(labels, None, np.random.default_rng(0)))
    assert found is not None
    return found


def fractions(known: FamiliarityNote, rows: np.ndarray) -> np.ndarray:
    return familiarity(known, Embeddings(rows))


def test_a_class_that_was_left_out_looks_strange() -> None:
    rows, labels = drawn(5, 40)
    moments = fit_moments(Embeddings(rows[labels < 4]), labels[labels < 4])
    assert moments is not None
    known, _ = drawn(5, 40, seed=1)
    scores = strangeness(moments, Embeddings(known))
    assert scores[labels == 4].min() > np.quantile(scores[labels < 4], 0.99)


def test_familiarity_is_uniform_for_photos_like_those_of_the_training() -> None:
    found = []
    for seed in range(20):
        rows, labels = drawn(4, 25, seed=seed, spread=2)
        others = drawn(4, 25, seed=100 + seed, spread=2)[0]
        found.append(fractions(familiar(rows, labels), others))
    values = np.concatenate(found)
    for part in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(values <= part) == pytest.approx(part, abs=0.08)
    assert values.min() > 0
    assert values.max() <= 1


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [(np.uint8, 0.02, 10), (np.int8, 0.5, -3)]
)
def test_quantized_embeddings_are_as_familiar_as_floats(
    dtype: type, scale: float, zero_point: int
) -> None:
    rows, labels = drawn(3, 20)
    limits = np.iinfo(dtype)
    span = (rows - rows.min()) / np.ptp(rows) * (limits.max - limits.min) + limits.min
    stored = Embeddings(span.astype(dtype), scale, zero_point)
    found = fit_familiarity(stored, labels, make_folds(labels, None, np.random.default_rng(0)))
    real = familiar(np.asarray(stored), labels)
    assert found is not None
    expected = fractions(real, np.asarray(stored))
    np.testing.assert_allclose(familiarity(found, stored), expected, atol=0.011)


def test_the_size_of_embeddings_does_not_matter() -> None:
    rows, labels = drawn(3, 12)
    for factor in (1e-30, 1e30):
        scaled = (rows * np.float32(factor)).astype(np.float32)
        np.testing.assert_allclose(
            fractions(familiar(scaled, labels), scaled),
            fractions(familiar(rows, labels), rows),
            atol=0.03,
        )


def test_a_row_of_zeros_and_a_huge_one_have_a_familiarity() -> None:
    rows, labels = drawn(3, 12)
    odd = np.stack([np.zeros(96, np.float32), np.full(96, 3e38, np.float32)])
    values = fractions(familiar(rows, labels), odd)
    assert np.isfinite(values).all()
    assert (values > 0).all()


def test_nothing_is_known_of_constant_embeddings_or_of_one_class() -> None:
    rows, labels = drawn(3, 12)
    assert fit_moments(Embeddings(np.ones_like(rows)), labels) is None
    assert fit_moments(Embeddings(rows), np.zeros_like(labels)) is None
    alone = Embeddings(rows[::12])  # no photo can be held out
    labels = labels[::12]
    assert (
        fit_familiarity(alone, labels, make_folds(labels, None, np.random.default_rng(0))) is None
    )


@pytest.mark.parametrize("each", [1, 2, 3])
def test_moments_of_few_photos_are_finite(each: int) -> None:
    rows, labels = drawn(2, each)
    moments = fit_moments(Embeddings(rows), labels)
    assert moments is not None
    assert np.isfinite(strangeness(moments, Embeddings(rows))).all()


def test_two_photos_of_each_of_two_classes_are_enough() -> None:
    rows, labels = drawn(2, 2)
    assert (fractions(familiar(rows, labels), rows) > 0.05).all()  # so few can call nothing strange


def test_a_class_may_have_no_photo() -> None:
    rows, labels = drawn(3, 12)
    kept = labels != 1
    moments = fit_moments(Embeddings(rows[kept]), labels[kept])
    assert moments is not None
    assert len(moments.means) == 2


@given(st.integers(1, 60_000), st.integers(2, 200_000), st.integers(2, 20))
def test_the_note_is_small_or_there_is_none(features: int, classes: int, each: int) -> None:
    from coral_learn.heads.strangers import _affordable_rank

    rank = _affordable_rank(features, classes, classes * each)
    assert rank <= MAX_DIRECTIONS
    assert rank == 0 or note_bytes(features, classes, rank) <= MAX_BYTES
    if features <= 1024 and classes <= 1000 and classes * each > MAX_DIRECTIONS:
        assert rank >= min(features, 40)


def test_many_classes_share_the_room() -> None:
    rows, labels = drawn(2000, 2, features=64)
    moments = fit_moments(Embeddings(rows), labels)
    assert moments is not None
    assert sum(np.asarray(part).nbytes for part in moments) <= MAX_BYTES
    assert np.isfinite(strangeness(moments, Embeddings(rows[:9]))).all()


@given(st.integers(0, 2**31))
def test_unit_rows_have_length_one(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(unit_rows(Embeddings(rows)), axis=1), 1)


def test_strangeness_is_the_difference_of_two_distances() -> None:
    """With room for all directions, it is what the formula says."""
    rows, labels = drawn(3, 10, features=12)
    moments = fit_moments(Embeddings(rows), labels)
    assert moments is not None
    unit = unit_rows(Embeddings(rows))
    means = np.stack([unit[labels == label].mean(axis=0) for label in range(3)])
    within, center = unit - means[labels], unit.mean(axis=0)
    around = unit - center
    spread = (within**2).sum() / 27 / 12
    inverse = np.linalg.inv(within.T @ within / 27 / spread + np.eye(12))
    background = np.linalg.inv(around.T @ around / 29 / spread + 1.15 * np.eye(12))
    new = unit_rows(Embeddings(drawn(3, 2, features=12, seed=3)[0]))
    of_classes = [np.einsum("ni,ij,nj->n", new - mean, inverse, new - mean) for mean in means]
    expected = np.min(of_classes, axis=0)
    expected -= np.einsum("ni,ij,nj->n", new - center, background, new - center)
    found = strangeness(moments, Embeddings(new.astype(np.float32)))
    np.testing.assert_allclose(found, expected / spread, rtol=0.02, atol=0.02 / spread * 0.01)
