"""Imprinting: the behavior of pycoral's engine, and imprinting models made from other models."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model_builder import (
    KINDS,
    BuiltModel,
    build_classifier,
    build_extractor,
    make_interpreter,
    operator_names,
    random_image,
    run,
)
from tests.support.stand_in.models import compiled

from coral_learn import (
    Classifier,
    EmbeddingExtractor,
    Embeddings,
    ImageFolder,
    ImprintingEngine,
    ModelError,
    add_class,
    create_embedding_extractor,
    create_imprinting_model,
    edgetpu,
    read_head,
    read_labels,
)
from coral_learn.dataset import split_by_class
from coral_learn.tflite import schema
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.graph import Graph
from coral_learn.tflite.head.append import append_softmax_head
from coral_learn.tflite.imprinting.read import read_imprinting_model
from coral_learn.tflite.labels import attach_labels
from coral_learn.tflite.nodes import Tensor
from coral_learn.tflite.quantization import Quantization
from coral_learn.tflite.tree import pack, unpack

TAIL = ["L2_NORMALIZATION", "CONV_2D", "MUL", "RESHAPE", "SOFTMAX"]
FEATURES = 16


def unit(rows: Any) -> np.ndarray:
    """Scales rows to length 1."""
    rows = np.asarray(rows, np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def real_output(content: bytes, image: np.ndarray) -> np.ndarray:
    """Returns the output of a model as a vector of real numbers."""
    quantization = make_interpreter(content).get_output_details()[0]["quantization"]
    output = run(content, image).ravel()
    if output.dtype == np.float32:
        return output
    return np.asarray((output.astype(np.float64) - quantization[1]) * quantization[0])


def constants(content: bytes) -> dict[str, list[Any]]:
    """Returns the elements of each constant tensor."""
    graph = ModelFile(content).graph
    found = {tensor.name: graph.constant(tensor) for tensor in graph.tensors}
    return {name: values.tolist() for name, values in found.items() if values is not None}


def description_of(content: bytes) -> str:
    """Returns the description of a model, which stores the sums of its classes."""
    description = unpack(content).description
    assert description is not None
    return description.decode()


def weights_of(content: bytes) -> np.ndarray:
    """Returns the stored weights, one row for each class."""
    return read_imprinting_model(ModelFile(content)).tail.weights.T


def some_embeddings(count: int, seed: int = 0) -> np.ndarray:
    """Returns normalized embeddings with positive features, as after a RELU."""
    return unit(np.random.default_rng(seed).uniform(0, 1, (count, FEATURES)))


@pytest.fixture(scope="module")
def model() -> bytes:
    """An imprinting model without classes."""
    return create_imprinting_model(build_extractor(features=FEATURES).content)


@pytest.fixture(scope="module")
def trained(model: bytes) -> bytes:
    """An imprinting model trained on three classes, with 1, 2 and 3 photos."""
    engine = ImprintingEngine(model)
    for embedding, class_id in zip(some_embeddings(6), (0, 1, 1, 2, 2, 2), strict=True):
        engine.train(embedding, class_id)
    return engine.serialize_model()


class TestEngine:
    def test_a_new_engine_has_no_classes(self, model: bytes) -> None:
        engine = ImprintingEngine(model)
        assert engine.embedding_dim == FEATURES
        assert engine.num_classes == 0
        assert engine.labels is None

    def test_the_weights_of_a_class_are_its_normalized_sum(self, model: bytes) -> None:
        embeddings = some_embeddings(5)
        engine = ImprintingEngine(model)
        for embedding in embeddings[:2]:
            engine.train(embedding, 0)
        for embedding in embeddings[2:]:
            engine.train(embedding, 1)
        assert engine.num_classes == 2
        expected = unit([embeddings[:2].sum(axis=0), embeddings[2:].sum(axis=0)])
        step = expected.max() / 255
        np.testing.assert_allclose(
            weights_of(engine.serialize_model()), expected, rtol=0, atol=0.51 * step
        )

    def test_sums_survive_in_the_description(self, trained: bytes) -> None:
        embeddings = some_embeddings(6)
        lines = description_of(trained).splitlines()
        assert [line.split()[0] for line in lines] == ["0", "1", "2"]
        sums = [embeddings[0], embeddings[1:3].sum(axis=0), embeddings[3:].sum(axis=0)]
        norms = [float(line.split()[1]) for line in lines]
        np.testing.assert_allclose(norms, np.linalg.norm(sums, axis=1), atol=1e-6)

    def test_training_continues_from_a_saved_model(self, model: bytes, trained: bytes) -> None:
        embeddings = some_embeddings(9)
        resumed = ImprintingEngine(trained, keep_classes=True)
        assert resumed.num_classes == 3
        at_once = ImprintingEngine(model)
        for row, class_id in enumerate((0, 1, 1, 2, 2, 2, 0, 2, 3)):
            at_once.train(embeddings[row], class_id)
            if row >= 6:
                resumed.train(embeddings[row], class_id)
        np.testing.assert_allclose(
            weights_of(resumed.serialize_model()), weights_of(at_once.serialize_model()), atol=0.004
        )

    def test_saving_again_changes_nothing(self, trained: bytes) -> None:
        engine = ImprintingEngine(trained, keep_classes=True)
        np.testing.assert_allclose(
            weights_of(engine.serialize_model()), weights_of(trained), atol=1e-5
        )
        assert unpack(engine.serialize_model()).description == unpack(trained).description

    def test_without_keep_classes_they_are_dropped(self, trained: bytes) -> None:
        engine = ImprintingEngine(trained)
        assert engine.num_classes == 0
        engine.train(some_embeddings(1)[0], 0)
        assert weights_of(engine.serialize_model()).shape == (1, FEATURES)

    def test_a_model_can_be_given_by_path(self, trained: bytes, tmp_path: Any) -> None:
        (tmp_path / "model.tflite").write_bytes(trained)
        assert ImprintingEngine(tmp_path / "model.tflite", keep_classes=True).num_classes == 3
        assert ImprintingEngine(str(tmp_path / "model.tflite"), True).num_classes == 3

    @pytest.mark.parametrize("wrap", [list, tuple, np.float32, np.asarray])
    def test_embeddings_may_be_any_sequence_or_array(self, model: bytes, wrap: Any) -> None:
        embedding = some_embeddings(1)[0]
        engine = ImprintingEngine(model)
        engine.train(wrap(embedding), np.int64(0))
        np.testing.assert_allclose(
            weights_of(engine.serialize_model())[0], embedding, atol=embedding.max() / 255
        )

    def test_quantized_embeddings_are_dequantized(self, model: bytes) -> None:
        stored = np.arange(128, 128 + FEATURES, dtype=np.uint8)
        as_stored, as_real = ImprintingEngine(model), ImprintingEngine(model)
        as_stored.train(stored, 0)
        as_real.train((stored - 128.0) / 128, 0)
        assert as_stored.serialize_model() == as_real.serialize_model()

    def test_strided_embeddings_are_read_correctly_and_not_changed(self, model: bytes) -> None:
        rows = np.repeat(some_embeddings(1), 2, axis=1)
        view, before = rows[0, ::2], rows.copy()
        engine = ImprintingEngine(model)
        engine.train(view, 0)
        engine.train(view, 0)
        np.testing.assert_array_equal(rows, before)
        np.testing.assert_allclose(
            weights_of(engine.serialize_model())[0], view, atol=view.max() / 255
        )

    def test_base_classes_of_another_tool_are_kept_and_new_ones_added(self) -> None:
        base = unit(np.random.default_rng(1).normal(size=(3, FEATURES)))
        content = add_tail_of_another_tool(build_extractor(features=FEATURES).content, base)
        engine = ImprintingEngine(content, keep_classes=True)
        assert engine.num_classes == 3
        for class_id in range(3):
            with pytest.raises(
                RuntimeError,
                match="Cannot change the base model classes not trained with imprinting method!",
            ):
                engine.train(some_embeddings(1)[0], class_id)
        engine.train(some_embeddings(1)[0], 3)
        saved = engine.serialize_model()
        np.testing.assert_allclose(weights_of(saved)[:3], base, atol=0.01)
        assert not read_imprinting_model(ModelFile(saved)).tail.biases.any()
        assert description_of(saved).split()[0] == "3"
        again = ImprintingEngine(saved, keep_classes=True)
        again.train(some_embeddings(1)[0], 3)
        assert again.num_classes == 4
        assert read_imprinting_model(ModelFile(saved)).tail.logit_scale == pytest.approx(
            10, rel=0.01
        )

    def test_an_unrelated_description_holds_no_sums(self, trained: bytes) -> None:
        for description in (b"MLIR Converted.", b"0 1.5\n1 much\n", b"0 1.5 2\n", b"\xff\n"):
            tree = unpack(trained)
            tree.description = description
            engine = ImprintingEngine(pack(tree), keep_classes=True)
            with pytest.raises(RuntimeError, match="Cannot change"):
                engine.train(some_embeddings(1)[0], 0)


class TestEngineErrors:
    def test_a_missing_file_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"Failed to open file: invalid_model_path\.tflite"):
            ImprintingEngine("invalid_model_path.tflite")

    def test_a_model_without_normalization_is_refused(self) -> None:
        text = "Unsupported model architecture. Input model must have an L2Norm layer."
        for content in (build_extractor().content, build_classifier().content):
            with pytest.raises(ValueError, match=text) as caught:
                ImprintingEngine(content)
            assert isinstance(caught.value, ModelError)

    def test_an_untrained_model_cannot_be_saved(self, model: bytes, trained: bytes) -> None:
        for engine in (ImprintingEngine(model), ImprintingEngine(model, True)):
            with pytest.raises(RuntimeError, match=r"^Model is not trained\.$"):
                engine.serialize_model()
        with pytest.raises(RuntimeError, match=r"Model is not trained\."):
            ImprintingEngine(trained).serialize_model()

    def test_a_class_index_that_skips_one_is_refused(self, model: bytes) -> None:
        engine = ImprintingEngine(model)
        with pytest.raises(RuntimeError, match="The class index of a new category is too large!"):
            engine.train(some_embeddings(1)[0], 1)
        assert engine.num_classes == 0

    @pytest.mark.parametrize("shape", [(FEATURES - 1,), (FEATURES + 1,), (1, FEATURES), ()])
    def test_a_wrong_shape_is_refused(self, model: bytes, shape: tuple[int, ...]) -> None:
        engine = ImprintingEngine(model)
        with pytest.raises(RuntimeError, match=r"Invalid weights array shape\."):
            engine.train(np.zeros(shape), 0)
        assert engine.num_classes == 0

    def test_invalid_values_are_refused(self, model: bytes) -> None:
        engine = ImprintingEngine(model)
        for embedding in (np.full(FEATURES, np.nan), np.full(FEATURES, 1e300), ["a"] * FEATURES):
            with pytest.raises(ValueError, match="embedding must be"):
                engine.train(embedding, 0)
        with pytest.raises(ValueError, match="class_id"):
            engine.train(some_embeddings(1)[0], -1)
        with pytest.raises(ValueError, match=r"class_id must be an integer, not 0\.0"):
            engine.train(some_embeddings(1)[0], 0.0)  # type: ignore[arg-type]
        assert engine.num_classes == 0

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ("drop softmax", "The last 4 operators must be Conv2d, Mul, Reshape, Softmax"),
            ("insert relu", "L2Norm operator must be followed with the last Conv2d operator"),
            ("output logits", "Graph must have output from Softmax"),
        ],
    )
    def test_a_wrong_tail_is_refused(self, trained: bytes, change: str, text: str) -> None:
        graph = Graph(unpack(trained))
        table = graph.model.subgraphs[0]
        if change == "drop softmax":
            graph.set_output(graph.tensors[table.operators.pop().inputs[0]])
        elif change == "insert relu":
            (normalized,) = graph.operators[-5].outputs
            other = graph.add_tensor(
                "relu", normalized.shape, np.uint8, scale=1 / 128, zero_point=128
            )
            graph.add_operator(schema.BuiltinOperator.RELU, [normalized], [other])
            table.operators.insert(-4, table.operators.pop())
            table.operators[-4].inputs = np.array([other.index, *table.operators[-4].inputs[1:]])
        else:
            table.outputs = table.operators[-1].inputs
        with pytest.raises(ModelError, match=text):
            ImprintingEngine(pack(graph.model))


class TestLabels:
    def test_labels_are_saved_in_the_model_and_loaded(self, model: bytes) -> None:
        engine = ImprintingEngine(model)
        for class_id, embedding in enumerate(some_embeddings(2)):
            engine.train(embedding, class_id)
        engine.labels = ["cat", "hot dog"]
        saved = engine.serialize_model()
        assert read_labels(saved) == ["cat", "hot dog"]
        resumed = ImprintingEngine(saved, keep_classes=True)
        resumed.train(some_embeddings(1)[0], 2)
        assert resumed.labels == ["cat", "hot dog", "2"]
        assert read_labels(resumed.serialize_model()) == ["cat", "hot dog", "2"]
        assert ImprintingEngine(saved).labels is None
        assert read_labels(create_imprinting_model(saved)) is None

    def test_labels_that_do_not_match_the_classes_are_dropped(self, trained: bytes) -> None:
        labelled = ModelFile.of_graph(Graph(unpack(trained)), ["a", "b"])
        engine = ImprintingEngine(labelled, keep_classes=True)
        assert engine.labels is None
        assert read_labels(engine.serialize_model()) is None

    def test_there_must_be_one_label_per_class(self, trained: bytes) -> None:
        engine = ImprintingEngine(trained, keep_classes=True)
        for labels in (["a", "b"], ["a", "b", "c", "d"], ["a", "b", 3]):
            with pytest.raises(ValueError, match="labels must be 3 strings"):
                engine.labels = labels  # type: ignore[assignment]
        engine.labels = None
        assert read_labels(engine.serialize_model()) is None


class TestManyPhotos:
    def test_train_all_gives_the_same_weights_as_normalizing_and_training_one_by_one(
        self, model: bytes
    ) -> None:
        embeddings, labels = some_embeddings(6), np.array([2, 0, 1, 2, 0, 1])
        lengths = np.linspace(1, 50, 6)[:, None]
        at_once, one_by_one = ImprintingEngine(model), ImprintingEngine(model)
        at_once.train_all(embeddings * lengths, labels)
        for row in (1, 4, 2, 5, 0, 3):
            one_by_one.train(embeddings[row], labels[row])
        np.testing.assert_allclose(
            weights_of(at_once.serialize_model()),
            weights_of(one_by_one.serialize_model()),
            atol=1e-3,
        )
        assert at_once.get_accuracy(embeddings * 3, labels) == one_by_one.get_accuracy(
            embeddings, labels
        )

    def test_the_class_with_the_smallest_angle_is_predicted(self, model: bytes) -> None:
        engine = ImprintingEngine(model)
        classes = some_embeddings(3)
        engine.train_all(classes, np.arange(3))
        others = np.random.default_rng(9).uniform(0, 9, (50, FEATURES))
        expected = (others @ classes.T).argmax(axis=1)
        np.testing.assert_array_equal(engine.predict(others), expected)
        assert engine.get_accuracy(others, expected) == 1.0

    def test_quantized_embeddings_count_as_their_real_values(self, model: bytes) -> None:
        stored = np.random.default_rng(2).integers(0, 255, (9, FEATURES), np.uint8)
        labels = np.arange(9) % 3
        as_stored, as_real = ImprintingEngine(model), ImprintingEngine(model)
        as_stored.train_all(Embeddings(stored, 0.1, 7), labels)
        as_real.train_all((stored - 7.0) * 0.1, labels)
        assert as_stored.serialize_model() == as_real.serialize_model()

    def test_invalid_input_is_refused(self, model: bytes) -> None:
        engine = ImprintingEngine(model)
        with pytest.raises(RuntimeError, match="not trained"):
            engine.predict(some_embeddings(1))
        with pytest.raises(RuntimeError, match="too large"):
            engine.train_all(some_embeddings(2), [0, 2])
        assert engine.num_classes == 0
        with pytest.raises(ValueError, match="labels"):
            engine.train_all(some_embeddings(2), [0])
        engine.train_all(some_embeddings(1), [0])
        with pytest.raises(ValueError, match="at least one"):
            engine.get_accuracy(np.zeros((0, FEATURES)), [])


class TestCreate:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_tail_is_appended_and_the_extractor_is_unchanged(self, kind: str) -> None:
        extractor = build_extractor(kind, FEATURES).content
        before = bytes(bytearray(extractor))
        made = create_imprinting_model(extractor)
        assert extractor == before
        old, new = operator_names(extractor), operator_names(made)
        assert new[: len(old)] == old
        assert [name for name in new[len(old) :] if "QUANTIZE" not in name] == TAIL
        assert constants(extractor).items() <= constants(made).items()
        engine = ImprintingEngine(made)
        assert operator_names(engine.serialize_extractor_model())[-1] == "L2_NORMALIZATION"
        assert ImprintingEngine(made, keep_classes=True).num_classes == 0

    def test_the_normalized_embedding_has_the_quantization_that_runtimes_require(
        self, model: bytes
    ) -> None:
        (output,) = ModelFile(ImprintingEngine(model).serialize_extractor_model()).graph.outputs
        assert output.shape == (1, 1, 1, FEATURES)
        assert output.quantization == Quantization(np.dtype(np.uint8), 1 / 128, 128)

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_output_has_the_type_of_the_image(self, kind: str) -> None:
        made = create_imprinting_model(build_extractor(kind).content)
        interpreter = make_interpreter(made)
        image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        assert image["dtype"] == output["dtype"]

    def test_without_classes_the_output_is_one_probability_of_one(self, model: bytes) -> None:
        image = random_image(build_extractor(features=FEATURES))
        assert real_output(model, image).tolist() == [255 / 256]

    def test_the_signature_refers_to_the_new_output(self) -> None:
        content = build_extractor(features=FEATURES, with_signature=True).content
        engine = ImprintingEngine(create_imprinting_model(content))
        engine.train_all(some_embeddings(3), [0, 1, 2])
        for made, size in ((engine.serialize_model(), 3), (engine.serialize_extractor_model(), 16)):
            interpreter = make_interpreter(made)
            image = random_image(build_extractor(features=FEATURES))
            scores = interpreter.get_signature_runner("serving_default")(image=image)["scores"]
            assert scores.size == size

    def test_a_classifier_is_cut_first(self) -> None:
        classifier = build_classifier(features=FEATURES).content
        extractor = create_embedding_extractor(classifier)
        image = random_image(build_classifier(features=FEATURES))
        engines = [
            ImprintingEngine(create_imprinting_model(content))
            for content in (classifier, extractor)
        ]
        outputs = [run(engine.serialize_extractor_model(), image) for engine in engines]
        np.testing.assert_array_equal(outputs[0], outputs[1])
        assert [engine.num_classes for engine in engines] == [0, 0]

    def test_an_imprinting_model_is_returned_unchanged(self, model: bytes, trained: bytes) -> None:
        assert create_imprinting_model(trained, keep_classes=True) == trained
        assert create_imprinting_model(trained) == model

    def test_invalid_input_is_refused(self, tmp_path: Any) -> None:
        with pytest.raises(ModelError, match="Failed to open file"):
            create_imprinting_model(tmp_path / "none.tflite")
        with pytest.raises(ModelError, match="is not a TensorFlow Lite model"):
            create_imprinting_model(b"no model at all")
        with pytest.raises(ModelError, match="last linear layer"):
            create_imprinting_model(build_extractor().content, keep_classes=True)
        with pytest.raises(ModelError, match="compiled for the Edge TPU"):
            create_imprinting_model(compiled(build_classifier().content))

    @given(
        kind=st.sampled_from(list(KINDS)),
        rank=st.integers(2, 4),
        features=st.sampled_from([1, 2, 3, 7, 64, 1001, 4096]),
        classes=st.sampled_from([1, 2, 3, 10, 1001]),
        seed=st.integers(0, 99),
    )
    def test_models_compute_what_numpy_does(
        self, kind: str, rank: int, features: int, classes: int, seed: int
    ) -> None:
        built = build_extractor(kind, features, rank=rank, seed=seed)
        engine = ImprintingEngine(create_imprinting_model(built.content))
        image = random_image(built, seed=seed)
        embedding = real_output(built.content, image)
        if not embedding.any():
            return  # a zero vector has no direction
        normalized = real_output(engine.serialize_extractor_model(), image)
        step = 1 / 128 if normalized.dtype != np.float32 else 1e-6
        np.testing.assert_allclose(normalized, unit(embedding), rtol=0, atol=1.01 * step)

        others = np.random.default_rng(seed).uniform(0, 1, (classes, features))
        engine.train_all(others, np.arange(classes))
        saved = engine.serialize_model()
        tail = read_imprinting_model(ModelFile(saved)).tail
        logits = tail.logit_scale * np.clip(normalized @ tail.weights, -1, 1 - step)
        expected = np.exp(logits - logits.max())
        expected /= expected.sum()
        error = tail.logit_scale * step / 4 + (0.5 / 128 if step > 1e-6 else 0) + 1e-5
        np.testing.assert_allclose(real_output(saved, image), expected, rtol=0, atol=error)


class TestKeptClasses:
    @pytest.mark.slow_when_emulated
    @given(
        kind=st.sampled_from(list(KINDS)),
        linear=st.sampled_from(["conv", "fully_connected"]),
        activation=st.sampled_from(["softmax", None]),
        factor=st.sampled_from([None, 0.25, 3.0]),
        features=st.sampled_from([1, 2, 7, 64, 300]),
        classes=st.sampled_from([1, 2, 6, 40]),
        per_channel=st.booleans(),
        seed=st.integers(0, 99),
    )
    @settings(max_examples=60)
    def test_kept_classes_are_predicted_as_before(
        self, kind: str, activation: str | None, per_channel: bool, seed: int, **tail: Any
    ) -> None:
        per_channel = per_channel and kind.startswith("int8")
        is_binary = activation is None and tail["classes"] == 1  # one logit is of two classes
        built = build_classifier(
            kind, activation=activation, per_channel=per_channel, seed=seed, **tail
        )
        made = create_imprinting_model(built.content, keep_classes=True)
        assert ImprintingEngine(made, keep_classes=True).num_classes == tail["classes"] + is_binary
        names = operator_names(made)
        assert names[-4:] == TAIL[1:]
        assert names[-6 if KINDS[kind][1] != "float32" else -5 :][0] == "L2_NORMALIZATION"
        for image_seed in range(4):
            image = random_image(built, seed=image_seed)
            before, after = real_output(built.content, image), real_output(made, image)
            if is_binary:
                before = np.array([0, *before])
            if activation is None:
                before = np.exp(before - before.max()) / np.exp(before - before.max()).sum()
            if kind == "int8 with float32 outside":  # rounds probabilities; the tail does not
                assert before[after.argmax()] == before.max()
            else:  # a tail rounds probabilities, and logits that are the output are not rounded
                assert after[before.argmax()] == after.max()
            if activation and kind in ("uint8", "int8", "float32"):
                assert after.argmax() == before.argmax()
            np.testing.assert_allclose(after, before, atol=1e-5 if kind == "float32" else 1 / 250)

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_two_classes_of_a_sigmoid_are_kept(self, kind: str) -> None:
        built = build_classifier(kind, 64, 1, activation="logistic")
        made = create_imprinting_model(built.content, keep_classes=True)
        for seed in range(10):
            image = random_image(built, seed=seed)
            (second,) = real_output(built.content, image)
            np.testing.assert_allclose(
                real_output(made, image), [1 - second, second], atol=1.5 / 256
            )

    @pytest.mark.slow_when_emulated
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("classes", [1, 3])
    def test_classes_with_zero_weights_are_kept(self, kind: str, classes: int) -> None:
        """A class of zeros is not taken for the placeholder of a model without classes."""
        built = build_classifier(kind, FEATURES, classes)
        zeros = np.zeros((FEATURES, classes)), np.zeros(classes)
        content = append_softmax_head(create_embedding_extractor(built.content), *zeros).content
        made = create_imprinting_model(content, keep_classes=True)
        assert ImprintingEngine(made, keep_classes=True).num_classes == classes
        image = random_image(built)
        embedding = real_output(create_embedding_extractor(content), image)
        extended = add_class(content, embedding[None], "new")
        assert ImprintingEngine(extended, keep_classes=True).num_classes == classes + 1
        assert real_output(extended, image).argmax() in (0, classes)
        twice = add_class(extended, embedding[None], "newer")
        assert read_labels(twice) == [*map(str, range(classes)), "new", "newer"]

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_placeholder_of_earlier_versions_is_no_class(self, kind: str) -> None:
        made = create_imprinting_model(build_extractor(kind, FEATURES).content)
        tree = unpack(made)
        (note,) = [each for each in tree.metadata if each.name == b"CORAL_LEARN_NO_CLASSES"]
        tree.metadata.remove(note)
        assert ImprintingEngine(pack(tree), keep_classes=True).num_classes == 0
        (weights,) = [
            each for each in tree.subgraphs[0].tensors if each.name == b"imprinting/weights"
        ]
        weights.name = b"weights of another tool"
        assert ImprintingEngine(pack(tree), keep_classes=True).num_classes == 1

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
    def test_a_class_is_added_whatever_the_length_of_embeddings(
        self, kind: str, size: float
    ) -> None:
        built = build_classifier(kind, features=64, classes=3)
        extractor = create_embedding_extractor(built.content)
        graph = ModelFile(extractor).graph
        if kind == "float32":  # the features, and so the length of embeddings, become larger
            graph = graph.copy()
            (output,) = graph.outputs
            factor = graph.add_tensor("factor", [1], np.float32, values=[size])
            scaled = graph.add_result("scaled", output.shape, np.float32, None)
            graph.add_operator(
                schema.BuiltinOperator.MUL,
                [output, factor],
                [scaled],
                options=schema.MulOptionsT(),
            )
            graph.set_output(scaled)
            extractor = ModelFile.of_graph(graph, output_name="embedding").content
            built_weights = built.weights / size
        else:
            built_weights = built.weights
        classifier = append_softmax_head(extractor, built_weights, built.biases).content
        images = [random_image(built, seed=seed) for seed in range(12)]
        new = np.array([real_output(extractor, images[0])] * 2)
        extended = add_class(classifier, new, "new")
        answers = [real_output(extended, image).argmax() for image in images]
        assert answers[0] == 3 or real_output(extended, images[0])[3] >= 0.4
        assert 3 not in answers[4:] or np.mean(np.array(answers[4:]) == 3) < 0.7

    def test_both_widths_of_embeddings_are_described(self) -> None:
        built = build_classifier("uint8", FEATURES, 3)
        engine = ImprintingEngine(create_imprinting_model(built.content, keep_classes=True), True)
        image = random_image(built)
        row = run(engine.serialize_extractor_model(), image).ravel()
        expected = run(create_embedding_extractor(built.content), image).ravel()
        np.testing.assert_array_equal(row, expected)
        engine.train(row, 3)  # stored values, which are not normalized
        assert engine.num_classes == 4

    def test_kept_classes_cannot_be_changed_and_keep_their_labels(self) -> None:
        labels = ["red", "green", "blue", "grey"]
        classifier = attach_labels(build_classifier(features=FEATURES).content, labels).content
        made = create_imprinting_model(classifier, keep_classes=True)
        assert read_labels(made) == labels
        engine = ImprintingEngine(made, keep_classes=True)
        assert engine.labels == labels
        with pytest.raises(RuntimeError, match="Cannot change the base model classes"):
            engine.train(some_embeddings(1)[0], 3)
        engine.train(some_embeddings(1)[0], 4)
        assert engine.labels == [*labels, "4"]
        assert ImprintingEngine(made).num_classes == 0

    def test_a_new_class_competes_equally_with_kept_classes(self) -> None:
        """An average photo of the new class scores as high for it as for the best kept class."""
        random = np.random.default_rng(3)
        built = build_classifier(features=64, classes=5)
        made = create_imprinting_model(built.content, keep_classes=True)
        center = random.uniform(0, 1, 64)
        photos = unit(np.clip(center + random.normal(0, 0.4, (40, 64)), 0, None))
        fractions = []
        for count in (1, 3, 10):
            engine = ImprintingEngine(made, keep_classes=True)
            for photo in photos[:count]:
                engine.train(photo, 5)
            fractions.append(np.mean(engine.predict(photos[10:]) == 5))
        assert 0.15 <= np.mean(fractions) <= 0.75
        unrelated = unit(random.uniform(0, 1, (200, 64)) ** 4)
        assert np.mean(engine.predict(unrelated) == 5) < 0.2

    def test_training_continues_from_a_saved_model_with_kept_classes(self) -> None:
        made = create_imprinting_model(
            build_classifier(features=FEATURES).content, keep_classes=True
        )
        embeddings = some_embeddings(5)
        at_once = ImprintingEngine(made, keep_classes=True)
        for embedding in embeddings:
            at_once.train(embedding, 4)
        first = ImprintingEngine(made, keep_classes=True)
        for embedding in embeddings[:3]:
            first.train(embedding, 4)
        second = ImprintingEngine(first.serialize_model(), keep_classes=True)
        for embedding in embeddings[3:]:
            second.train(embedding, 4)
        tails = [
            read_imprinting_model(ModelFile(e.serialize_model())).tail for e in (at_once, second)
        ]
        largest = np.abs(tails[0].weights).max()
        np.testing.assert_allclose(tails[1].weights, tails[0].weights, atol=0.02 * largest)
        np.testing.assert_allclose(tails[1].biases, tails[0].biases, atol=0.01)
        assert tails[0].biases[4] < 0
        assert tails[1].photo_counts is not None
        assert tails[1].photo_counts.tolist() == [0, 0, 0, 0, 5]


class TestOnTheEdgeTpu:
    def test_the_tail_stays_outside_the_compiled_operator(self, edge_tpus: Any) -> None:
        twin = build_extractor(features=FEATURES)
        model = create_imprinting_model(compiled(twin.content))
        assert operator_names(model) == ["edgetpu-custom-op", *TAIL]
        check_same_as_twin(edge_tpus, twin, model)

    def test_an_embedding_of_rank_2_is_reshaped(self, edge_tpus: Any) -> None:
        twin = build_extractor(features=FEATURES, rank=2)
        model = create_imprinting_model(compiled(twin.content))
        assert operator_names(model) == ["edgetpu-custom-op", "RESHAPE", *TAIL]
        check_same_as_twin(edge_tpus, twin, model)

    def test_mobilenet_gives_the_same_scores_as_on_the_cpu(
        self, edge_tpus: Any, data_dir: Any
    ) -> None:
        name = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor"
        photos = [next(path.iterdir()) for path in sorted((data_dir / "flowers").iterdir())]
        twin = f"{name}.tflite"
        answers = []
        for model in (twin, f"{name}_edgetpu.tflite"):
            with edge_tpus(twin):
                engine = ImprintingEngine(create_imprinting_model(model))
                with EmbeddingExtractor(engine.serialize_extractor_model()) as extractor:
                    rows = extractor.extract(photos)
                for class_id, row in enumerate(rows):
                    engine.train(row, class_id)
                with Classifier(engine.serialize_model()) as classifier:
                    answers.append(classifier.scores(photos))
        np.testing.assert_array_equal(answers[0], answers[1])
        np.testing.assert_array_equal(answers[0].argmax(axis=1), np.arange(5))
        assert b"edgetpu-custom-op" in engine.serialize_model()


class TestRealModels:
    def test_five_photos_per_class_are_enough(self, data_dir: Any) -> None:
        extractor = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
        photos = ImageFolder(data_dir / "flowers")
        with EmbeddingExtractor(extractor) as opened:
            embeddings = opened.extract(photos.paths)
        accuracies = []
        for seed in range(5):
            split = split_by_class(photos.labels, 0, 55 / 60, seed)
            engine = ImprintingEngine(create_imprinting_model(extractor))
            engine.train_all(embeddings[split.train], photos.labels[split.train])
            accuracies.append(
                engine.get_accuracy(embeddings[split.test], photos.labels[split.test])
            )
        assert len(split.train) == 25
        assert np.mean(accuracies) > 0.65
        tested = split.test[:100]
        answers = best_classes(engine.serialize_model(), [photos.paths[row] for row in tested])
        assert np.mean(answers == engine.predict(embeddings[tested])) > 0.9

    @pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq"])
    def test_a_class_is_added_to_the_imagenet_classes(self, data_dir: Any, name: str) -> None:
        source = data_dir / "models" / f"{name}.tflite"
        dandelions = sorted((data_dir / "flowers" / "dandelion").iterdir())[:30]
        others = sorted((data_dir / "flowers" / "daisy").iterdir())[:30]
        made = create_imprinting_model(source, keep_classes=True)
        before, kept = best_classes(source, others), best_classes(made, others)
        np.testing.assert_array_equal(kept, before)
        engine = ImprintingEngine(made, keep_classes=True)
        assert engine.num_classes == 1001
        with EmbeddingExtractor(engine.serialize_extractor_model()) as extractor:
            for row in extractor.extract(dandelions[:10]):
                engine.train(row, 1001)
        extended = engine.serialize_model()
        assert np.mean(best_classes(extended, dandelions[10:]) == 1001) >= 0.4
        assert np.mean(best_classes(extended, others) == before) >= 0.8


def best_classes(model: Any, photos: Any) -> np.ndarray:
    with Classifier(model) as classifier:
        return np.asarray(classifier.scores(photos).argmax(axis=1))


def check_same_as_twin(
    edge_tpus: Any, twin: BuiltModel, model: bytes, devices: Sequence[str] = ("usb",)
) -> None:
    """Trains a compiled model and its twin alike, and compares their outputs for some images."""
    on_cpu = ImprintingEngine(create_imprinting_model(twin.content))
    on_tpu = ImprintingEngine(model)
    images = [random_image(twin, seed=seed) for seed in range(4)]
    plugged_in: AbstractContextManager[Any] = edge_tpus(twin.content, devices)
    with plugged_in as tpus:
        for class_id, image in enumerate(images):
            embedding = run(on_cpu.serialize_extractor_model(), image).ravel()
            np.testing.assert_array_equal(
                infer(on_tpu.serialize_extractor_model(), image).ravel(), embedding
            )
            on_cpu.train(embedding, class_id)
            on_tpu.train(embedding, class_id)
        for image in images:
            np.testing.assert_array_equal(
                infer(on_tpu.serialize_model(), image), run(on_cpu.serialize_model(), image)
            )
        assert sum(tpus.inferences) == 8


def infer(content: bytes, image: np.ndarray) -> np.ndarray:
    """Runs a model on the device that it is made for."""
    interpreter = edgetpu.make_interpreter(content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def add_tail_of_another_tool(extractor: bytes, base: np.ndarray) -> bytes:
    """Builds an imprinting model like TensorFlow's converter: with a QUANTIZE and other scales."""
    graph = Graph(unpack(extractor))
    codes = schema.BuiltinOperator
    (embedding,) = graph.outputs
    classes, features = base.shape

    def add(
        code: int,
        inputs: list[Tensor],
        shape: list[int],
        scale: float,
        zero: int,
        options: "schema.OptionsT",
    ) -> Tensor:
        output = graph.add_tensor(f"tail{code}", shape, np.uint8, scale=scale, zero_point=zero)
        graph.add_operator(code, inputs, [output], options=options)
        return output

    normalized = add(
        codes.L2_NORMALIZATION, [embedding], [1, 1, 1, features], 1 / 128, 128,
        schema.L2NormOptionsT(),
    )  # fmt: skip
    finer = add(
        codes.QUANTIZE, [normalized], [1, 1, 1, features], 1 / 255, 0, schema.QuantizeOptionsT()
    )
    stored = Quantization.of_range(np.dtype(np.uint8), base.min(), base.max())
    weights = graph.add_tensor(
        "weights",
        [classes, 1, 1, features],
        np.uint8,
        values=stored.quantize(base),
        scale=stored.scale,
        zero_point=stored.zero_point,
    )
    biases = graph.add_tensor(
        "biases", [classes], np.int32, values=np.zeros(classes), scale=stored.scale / 255
    )
    convolution = schema.Conv2DOptionsT()
    convolution.padding, convolution.strideW, convolution.strideH = schema.Padding.SAME, 1, 1
    cosines = add(
        codes.CONV_2D, [finer, weights, biases], [1, 1, 1, classes], 0.006, 120, convolution
    )
    factor = graph.add_tensor("factor", [], np.uint8, values=200, scale=0.05)
    logits = add(codes.MUL, [cosines, factor], [1, 1, 1, classes], 0.06, 120, schema.MulOptionsT())
    flat = add(codes.RESHAPE, [logits], [1, classes], 0.06, 120, schema.ReshapeOptionsT())
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.set_output(add(codes.SOFTMAX, [flat], [1, classes], 1 / 256, 0, softmax))
    graph.model.description = b"MLIR Converted."
    return pack(graph.model)


def test_the_head_of_an_imprinting_model_can_be_read(trained: bytes) -> None:
    weights, biases, labels = read_head(trained)
    tail = read_imprinting_model(ModelFile(trained)).tail
    np.testing.assert_allclose(weights, tail.weights * tail.logit_scale, rtol=1e-5)
    assert not biases.any()
    assert labels is None
