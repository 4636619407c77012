"""Classifiers with every tail: their probabilities, their heads, and the heads put back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.support.model_builder import (
    KINDS,
    BuiltModel,
    build_classifier,
    build_compiled_extractor,
    build_extractor,
    make_interpreter,
    random_image,
    run,
    run_to,
)
from tests.support.tail_builder import (
    FACTOR,
    KINDS_OF_SINGLE_TAILS,
    KINDS_OF_TAILS,
    SHIFT,
    with_tail,
)

from coral_learn import (
    Classifier,
    ModelError,
    add_class,
    create_embedding_extractor,
    create_imprinting_model,
    evaluate,
    read_head,
)
from coral_learn.embeddings import Embeddings
from coral_learn.extraction.model_runner import OutputFormat
from coral_learn.jobs.scores import ScoreConverter
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.linear_layer import read_output_kind
from coral_learn.tflite.output_kind import OutputKind
from coral_learn.tflite.peek import ends_in_softmax

pytestmark = pytest.mark.slow_when_emulated

EXAMPLES = min(60, settings().max_examples)
PHOTO = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)


@st.composite
def classifiers(draw: st.DrawFn, *, single: bool = False) -> tuple[dict[str, Any], str]:
    """Draws arguments of ``build_classifier`` for a model of logits, and a tail for it."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    pool_last = draw(st.booleans())
    linear = "conv" if pool_last else draw(st.sampled_from(["conv", "fully_connected"]))
    arguments = {
        "kind": kind,
        "features": draw(st.integers(2, 40)),
        "classes": 1 if single else draw(st.integers(2, 12)),
        "linear": linear,
        "flatten": draw(st.sampled_from(["reshape", "squeeze"])),
        "pool": draw(st.sampled_from(["average_pool", "mean"])),
        "pool_last": pool_last,
        "per_channel": kind.startswith("int8") and draw(st.booleans()),
        "activation": None,
        "seed": draw(st.integers(0, 1000)),
    }
    tails = KINDS_OF_SINGLE_TAILS if single else KINDS_OF_TAILS
    return arguments, draw(st.sampled_from(sorted(tails)))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum())


def expected_probabilities(logits: NDArray[np.float64], tail: str) -> NDArray[np.float64]:
    """Returns the probabilities of the classes for the logits before a tail."""
    if tail in ("bias", "standardized"):
        logits = logits + SHIFT * np.eye(1, len(logits))[0]
    if tail == "standardized":
        logits = logits * FACTOR
    if tail == "divided":
        logits = logits / FACTOR
    if len(logits) == 1:
        sign = -1 if tail in ("complement", "reversed pair") else 1
        logits = np.array([0, sign * logits[0]])
    return softmax(logits)


def run_real(content: bytes, image: NDArray[Any]) -> NDArray[np.float64]:
    scale, zero_point = make_interpreter(content).get_output_details()[0]["quantization"]
    return np.asarray((run(content, image).astype(np.float64) - zero_point) * (scale or 1)).ravel()


def probabilities(content: bytes, image: NDArray[Any]) -> NDArray[np.float32]:
    """Returns what a Classifier makes of the plain interpreter's output."""
    output = OutputFormat.of_tensor(make_interpreter(content).get_output_details()[0])
    stored = run(content, image).reshape(1, -1)
    rows = Embeddings(stored, output.scale, output.zero_point)
    converted, _ = ScoreConverter(ModelFile(content), output, None).probabilities(rows)
    return np.asarray(converted[0])


def exact_embedding(built: BuiltModel, image: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the embedding that the head reads, pooled if the head runs before the pooling."""
    stored = run_to(built.content, built.embedding_name, image)
    real = stored if built.embedding is None else built.embedding.dequantize(stored)
    return np.asarray(real.reshape(-1, real.shape[-1]).mean(axis=0, dtype=np.float64))


def stores_no_negative_logits(content: bytes) -> bool:
    """Tells whether logits are stored as after a ReLU, so that a head before pooling is refused."""
    tensors = ModelFile(content).graph.tensors
    (logits,) = [tensor for tensor in tensors if tensor.name == "head/logits"]
    return logits.quantization is not None and logits.quantization.low == 0


def check_tail(arguments: dict[str, Any], tail: str, kind: OutputKind) -> None:
    built = build_classifier(**arguments)
    assume(not (arguments["pool_last"] and stores_no_negative_logits(built.content)))
    classifier = with_tail(built.content, tail)
    assert ModelFile(classifier).output_kind is kind
    assert read_output_kind(ModelFile(classifier).graph) is kind
    image = random_image(built, seed=arguments["seed"])
    embedding = exact_embedding(built, image)
    logits = embedding @ built.weights.astype(np.float64) + built.biases
    expected = expected_probabilities(logits, tail)
    # The logits are rounded once, and once more by a QUANTIZE before the output.
    tolerance = 2 * FACTOR * built.logit_step + 0.04 if built.logit_step else 2e-3

    shown = probabilities(classifier, image)
    assert ((shown >= 0) & (shown <= 1)).all()
    np.testing.assert_allclose(shown, expected, atol=tolerance)

    weights, biases, _ = read_head(classifier)
    np.testing.assert_allclose(
        softmax(embedding @ weights.astype(np.float64) + biases), expected, atol=1e-5
    )

    extractor = create_embedding_extractor(classifier)
    again = append_softmax_head(extractor, weights, biases).content
    step = built.embedding.scale if built.embedding else 0.0
    # Pooled features are rounded where the classifier rounds the logits of each place.
    rounding = step * np.abs(weights).sum(axis=0).max() / 4 if arguments["pool_last"] else 0.0
    np.testing.assert_allclose(run_real(again, image), shown, atol=tolerance + rounding)
    kept = create_imprinting_model(classifier, keep_classes=True)
    np.testing.assert_allclose(run_real(kept, image), shown, atol=tolerance)


@settings(max_examples=EXAMPLES)
@given(classifiers())
def test_tails_of_several_logits(drawn: tuple[dict[str, Any], str]) -> None:
    check_tail(*drawn, KINDS_OF_TAILS[drawn[1]])


@settings(max_examples=EXAMPLES)
@given(classifiers(single=True))
def test_tails_of_one_logit(drawn: tuple[dict[str, Any], str]) -> None:
    check_tail(*drawn, KINDS_OF_SINGLE_TAILS[drawn[1]])


@pytest.mark.parametrize("kind", ["float32", "int8 with uint8 outside", "uint8"])
@pytest.mark.parametrize("tail", ["none", "log_softmax", "written softmax"])
def test_a_classifier_shows_the_probabilities(kind: str, tail: str) -> None:
    built = build_classifier(kind, activation=None, linear="fully_connected")
    with Classifier(with_tail(built.content, tail)) as classifier:
        scores = classifier.scores([PHOTO])
        [[first]] = classifier.classify([PHOTO])
    assert scores.shape == (1, 4)
    assert scores.sum() == pytest.approx(1, abs=0.05)
    assert first.score == scores.max()


@pytest.mark.parametrize("names", [None, ["crab"], ["fish", "crab"]])
def test_one_number_has_two_classes(names: list[str] | None) -> None:
    built = build_classifier("float32", classes=1, activation="logistic")
    with Classifier(built.content, labels=names) as classifier:
        assert classifier.num_classes == 2
        assert classifier.labels == (["not crab", "crab"] if names == ["crab"] else names)
        scores = classifier.scores([PHOTO])
        answers = classifier.classify([PHOTO], top_k=2)[0]
    assert scores.sum() == pytest.approx(1)
    assert {answer.id: answer.score for answer in answers} == {
        0: pytest.approx(scores[0, 0]),
        1: pytest.approx(scores[0, 1]),
    }


def test_the_labels_of_one_number_are_read_with_its_head() -> None:
    built = build_classifier("float32", classes=1, activation="logistic")
    labeled = attach_labels(built.content, ["crab"]).content
    weights, biases, labels = read_head(labeled)
    assert (weights[:, 0] == 0).all()
    assert biases[0] == 0
    assert labels == ["not crab", "crab"]
    kept = create_imprinting_model(labeled, keep_classes=True)
    assert ModelFile(kept).labels == labels
    features = np.ones((1, len(weights)), np.float32)
    assert ModelFile(add_class(labeled, features, "fish")).labels == [*labels, "fish"]


@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_sigmoids_name_every_label_above_the_threshold(kind: str) -> None:
    built = build_classifier(kind, classes=6, activation="logistic")
    with Classifier(built.content) as classifier:
        assert classifier.output_kind is OutputKind.MULTI_LABEL
        [scores] = classifier.scores([PHOTO])
        [answers] = classifier.classify([PHOTO])
        assert [answer.id for answer in answers] == [
            k for k in np.argsort(-scores, kind="stable") if scores[k] >= 0.5
        ]
        assert len(classifier.classify([PHOTO], threshold=0.0)[0]) == 6
    for refused in (read_head, lambda model: add_class(model, np.ones((1, 8)), "new")):
        with pytest.raises(ModelError, match=r"multi-label.*`coral-learn extractor"):
            refused(built.content)
    assert len(create_embedding_extractor(built.content))


def test_an_evaluation_of_sigmoids_says_what_it_counts(photos: Path) -> None:
    built = build_classifier("uint8", classes=3, activation="logistic")
    evaluation = evaluate(built.content, photos)
    assert "counts as right if its most probable label is its folder's" in evaluation.notes[-1]
    assert evaluation.to_json()["notes"] == evaluation.notes


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("average", "combines the scores of several heads"),
        ("harshly clipped", "scores are clipped"),
        ("rectified", "RELU changes the logits"),
        ("capped", "RELU6 changes the logits"),
    ],
)
def test_a_head_that_is_no_softmax_regression_can_be_cut_off(tail: str, reason: str) -> None:
    built = build_classifier("float32", activation=None)
    classifier = with_tail(built.content, tail)
    with pytest.raises(ModelError, match=f"{reason}.*`coral-learn extractor"):
        read_head(classifier)
    image = random_image(built)
    extractor = create_embedding_extractor(classifier)
    np.testing.assert_allclose(
        run_real(extractor, image), built.expected_embedding(image), atol=1e-5
    )


def test_a_relu_before_the_pooling_can_be_cut_off_but_not_read() -> None:
    built = build_classifier("float32", pool_last=True, fused_activation="RELU", flatten="reshape")
    with pytest.raises(ModelError, match="activation of its own"):
        read_head(built.content)
    image = random_image(built)
    embedding = run_real(create_embedding_extractor(built.content), image)
    np.testing.assert_allclose(embedding, exact_embedding(built, image), atol=1e-5)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_softmax_is_known_without_the_schema(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for activation in ("softmax", "logistic", None):
        content = build_classifier(kind, activation=activation).content
        assert ends_in_softmax(content) == (activation == "softmax")
    if KINDS[kind][1] == "float32":
        return  # its input range is in the metadata, which are parsed
    model = ModelFile(build_classifier(kind).content)
    monkeypatch.setattr(ModelFile, "tree", property(lambda _: pytest.fail("it was parsed")))
    assert model.output_kind is OutputKind.PROBABILITIES
    assert not ends_in_softmax(model.content[:-100])


class TestExtractors:
    def test_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "my extractor.tflite"
        path.write_bytes(build_extractor("uint8", features=8).content)
        message = (
            "is an embedding extractor: it gives 8 features, not class scores.*"
            "`coral-learn train PHOTOS --extractor '.*my extractor.tflite' --output DIR`"
        )
        with pytest.raises(ModelError, match=message):
            Classifier(path)

    def test_that_were_cut_are_refused_whatever_they_end_in(self) -> None:
        built = build_classifier("float32", features=4, activation=None)
        extractor = create_embedding_extractor(built.content)
        again = append_softmax_head(extractor, *read_head(built.content)[:2]).content
        cut = create_embedding_extractor(again)
        with pytest.raises(ModelError, match="embedding extractor"):
            Classifier(cut, labels=["a", "b", "c", "d"])

    def test_with_a_label_for_each_feature_give_logits(self) -> None:
        built = build_extractor("float32", features=3)
        with Classifier(built.content, labels=["a", "b", "c"]) as classifier:
            assert classifier.output_kind is OutputKind.LOGITS
            assert classifier.scores([PHOTO]).sum() == pytest.approx(1)

    def test_that_are_compiled_are_told_by_their_output(self) -> None:
        assert ModelFile(build_compiled_extractor().content).output_kind is OutputKind.EMBEDDING


def convert(
    kind: OutputKind,
    rows: NDArray[Any],
    scale: float = 1.0,
    labels: list[str] | None = None,
) -> NDArray[np.float32]:
    """Converts the rows of a model whose output is of a kind."""
    model = ModelFile(b"", "model.tflite")
    model.output_kind = kind
    output = OutputFormat(rows.shape[1], rows.dtype, scale, 0)
    return ScoreConverter(model, output, labels).probabilities(Embeddings(rows, scale))[0]


class TestScores:
    @pytest.mark.parametrize("broken", [np.nan, np.inf])
    def test_that_are_not_finite_are_an_error(self, broken: float) -> None:
        rows = np.array([[0, broken]], np.float32)
        for kind in (OutputKind.LOGITS, OutputKind.PROBABILITIES, OutputKind.UNKNOWN):
            with pytest.raises(ModelError, match=r"model\.tflite gives scores that are not finite"):
                convert(kind, rows)

    def test_the_logarithm_of_zero_is_a_probability_of_zero(self) -> None:
        rows = np.array([[0, -np.inf]], np.float32)
        assert convert(OutputKind.LOG_PROBABILITIES, rows).tolist() == [[1, 0]]

    def test_large_logits_do_not_overflow(self) -> None:
        rows = np.array([[1000, -1000]], np.float32)
        assert convert(OutputKind.LOGITS, rows).tolist() == [[1, 0]]
        assert convert(OutputKind.SIGMOID_LOGIT, rows[:, 1:]).tolist() == [[1, 0]]

    def test_percentages_become_fractions(self) -> None:
        rows = np.array([[75, 25]], np.float32)
        assert convert(OutputKind.PROBABILITIES, rows).tolist() == [[0.75, 0.25]]

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ([[0.25, 0.75]], [[0.25, 0.75]]),  # probabilities
            ([[0.0, 0.0]], [[0.5, 0.5]]),  # logits
        ],
    )
    def test_of_an_unknown_kind_are_judged_by_their_values(
        self, rows: list[list[float]], expected: list[list[float]]
    ) -> None:
        found = convert(OutputKind.UNKNOWN, np.array(rows, np.float32), labels=["a", "b"])
        assert found.tolist() == expected

    def test_of_an_unknown_kind_without_labels_are_features(self) -> None:
        with pytest.raises(ModelError, match="embedding extractor"):
            convert(OutputKind.UNKNOWN, np.array([[3, 4]], np.float32))

    def test_stored_like_a_softmax_but_larger_are_of_several_labels(self) -> None:
        rows = np.array([[255, 128]], np.uint8)
        assert convert(OutputKind.UNKNOWN, rows, 1 / 256).tolist() == [[255 / 256, 0.5]]
        assert convert(OutputKind.UNKNOWN, rows[:, 1:], 1 / 256).tolist() == [[0.5, 0.5]]
