"""Models of the kinds that people make: each is used rightly, or refused with a word of advice.

``models/odd/README.md`` in the data folder says what each model is, how its input is fed right, and
how accurate it is then. The models of the first table were trained on the flowers, so a wrong way
of feeding or reading them shows in their accuracy. The others have random weights: their answers
must be those of the plain interpreter.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image
from tests.support.model_builder import make_interpreter

from coral_learn import (
    Classifier,
    EmbeddingExtractor,
    add_class,
    create_embedding_extractor,
    create_imprinting_model,
    evaluate,
    read_head,
    retrain,
)
from coral_learn.cli.app import app
from coral_learn.errors import ModelError
from coral_learn.tflite.file import ModelFile
from coral_learn.tflite.normalization import BYTES, SIGNED_UNIT, UNIT, Normalization

pytestmark = pytest.mark.slow_when_emulated

# The right normalization of a float input (None: it follows from the tensor) and the accuracy.
TRAINED: dict[str, tuple[Normalization | None, float]] = {
    "resc_float": (BYTES, 0.673),
    "resc_int8f": (BYTES, 0.650),
    "tut_int8f": (BYTES, 0.903),
    "tut_int8": (None, 0.903),
    "unit_float": (UNIT, 0.597),
    "unit_int8f": (UNIT, 0.593),
    "unit_int8": (None, 0.593),
    "sgn_float": (SIGNED_UNIT, 0.700),
    "sgn_int8": (None, 0.683),
    "bin_float": (BYTES, 0.842),
    "bin_int8": (None, 0.850),
}
FLOAT_INPUT = [name for name, (normalization, _) in TRAINED.items() if normalization]
TOLERANCE = 0.03
PHOTOS_PER_CLASS = 20


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def two_classes(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([1 - p, p], axis=1)


def unchanged(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores


# What the probabilities are, computed from the numbers that the interpreter gives.
PROBABILITIES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "logsm": np.exp,
    "tut_int8": softmax,
    "tut_int8f": softmax,
    "bin_float": two_classes,
    "bin_int8": two_classes,
}
RANDOM = [
    "one",
    "zeroclass",
    "zerohead",
    "logsm",
    "clip_after_f32",
    "concat_binary_f32",
    "ensemble_avg_f32",
    "squeeze",
    "nin_conv_gap_softmax_i8",
    "linear_same_width_f32",
    "dense_linear_stack_i8",
    "dense_relu6_softmax_f32",
    "temperature_i8",
    "concat_gap_gmp_i8",
    "gray_float",
    "hobby_gray_i8",
    "nchw_float",
    "anysize",
    "batch8",
]

# Why the models without softmax regression have no head that could be read.
NO_HEAD = {
    "ensemble_avg_f32": "average|2 linear layers|several|two",
    "dense_relu6_softmax_f32": "RELU6|activation",
    "two_outputs_i8": "2 outputs|two|several",
    "ml_sig": "multi-label|several labels|sigmoid",
    "image_and_table_f32": "2 inputs|two inputs",
}


@pytest.fixture(scope="module")
def odd(data_dir: Path) -> Path:
    return data_dir / "models" / "odd"


@pytest.fixture(scope="module")
def flowers(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns a function from a model's name to a folder of the photos that it was trained on."""
    two = tmp_path_factory.mktemp("flowers") / "two"
    for name in ("daisy", "dandelion"):
        shutil.copytree(data_dir / "flowers" / name, two / name)
    return lambda model: two if model.startswith("bin") else data_dir / "flowers"


def few_photos(folder: Path, output: Path) -> Path:
    """Copies the first photos of each class into a folder of their own."""
    for kind in sorted(folder.iterdir()):
        (output / kind.name).mkdir(parents=True)
        for photo in sorted(kind.iterdir())[:PHOTOS_PER_CLASS]:
            shutil.copy(photo, output / kind.name)
    return output


def some_photos(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "flowers").glob("*/*"))[::25]


def plain_outputs(content: bytes, photos: list[Path]) -> NDArray[np.float64]:
    """Runs a model without this package's preparation of inputs.

    A float input gets pixels from -1 to 1, and a quantized one gets the bytes of the pixels.
    """
    interpreter = make_interpreter(content)
    details = interpreter.get_input_details()[0]
    shape = [1, *details["shape"][1:].tolist()]
    interpreter.resize_tensor_input(details["index"], shape)
    interpreter.allocate_tensors()
    details, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for photo in photos:
        tensor = _input_of(photo, shape)
        if details["dtype"] != np.float32:
            tensor = np.round(tensor * 127.5 + 127.5) + np.iinfo(details["dtype"]).min
        interpreter.set_tensor(details["index"], tensor.astype(details["dtype"]))
        interpreter.invoke()
        row = interpreter.get_tensor(output["index"]).reshape(-1).astype(np.float64)
        scale, zero_point = output["quantization"]
        rows.append((row - zero_point) * scale if scale else row)
    return np.array(rows)


def _input_of(photo: Path, shape: list[int]) -> NDArray[np.float64]:
    channels_first = shape[1] == 3
    height, width, channels = (*shape[2:], 3) if channels_first else shape[1:]
    mode = "L" if channels == 1 else "RGB"
    image = Image.open(photo).convert("RGB").resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(image.convert(mode), np.float64).reshape(height, width, channels)
    values = pixels / 127.5 - 1
    return (values.transpose(2, 0, 1) if channels_first else values)[None]


def options(model: Path) -> dict[str, Any]:
    """Returns how a model is fed: a random model's float input from -1 to 1, by decision."""
    if model.stem in TRAINED:
        return {"normalization": TRAINED[model.stem][0]}
    return {"normalization": SIGNED_UNIT} if ModelFile.open(model).has_float_input else {}


@pytest.mark.parametrize("name", TRAINED)
def test_evaluate_gives_the_accuracy_of_the_plain_interpreter(
    odd: Path, flowers: Callable[[str], Path], name: str
) -> None:
    evaluation = evaluate(odd / f"{name}.tflite", flowers(name))
    assert evaluation.accuracy == pytest.approx(TRAINED[name][1], abs=TOLERANCE)


@pytest.mark.parametrize("name", FLOAT_INPUT)
def test_train_measures_the_range_on_twenty_photos_a_class(
    odd: Path, flowers: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    photos = few_photos(flowers(name), tmp_path / "photos")
    result = retrain(photos, odd / f"{name}.tflite", tmp_path / "retrained")
    assert ModelFile.open(result.model).normalization == TRAINED[name][0]


@pytest.mark.parametrize("name", TRAINED)
def test_a_retrained_model_is_as_accurate_as_the_original(
    odd: Path, flowers: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    """The embedding of a model that was trained on the same photos separates them as well."""
    extractor = tmp_path / "extractor.tflite"
    arguments = ["extractor", str(odd / f"{name}.tflite"), "--output", str(extractor)]
    made = CliRunner().invoke(app, arguments)
    assert made.exit_code == 0, made.output
    result = retrain(flowers(name), extractor, tmp_path / "retrained", test=0)
    evaluation = evaluate(result.model.read_bytes(), flowers(name))
    assert evaluation.accuracy > TRAINED[name][1] - TOLERANCE


@pytest.mark.parametrize("name", TRAINED)
def test_classes_are_kept(
    odd: Path, flowers: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    model = odd / f"{name}.tflite"
    kept = tmp_path / "kept.tflite"
    kept.write_bytes(create_imprinting_model(model, keep_classes=True))
    normalization = TRAINED[name][0]
    photos = sorted(flowers(name).glob("*/*"))
    answers = []
    for path in (model, kept):
        with Classifier(path, normalization=normalization) as classifier:
            answers.append(classifier.scores(photos).argmax(axis=1))
    assert np.mean(answers[0] == answers[1]) >= 0.98


@pytest.mark.parametrize("name", TRAINED)
def test_a_class_is_added_and_the_old_classes_stay_as_accurate(
    odd: Path, flowers: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    model, (normalization, accuracy) = odd / f"{name}.tflite", TRAINED[name]
    shades = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 20, 4)]
    noise = list(np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3)).astype(np.uint8))
    fed: dict[str, Any] = {"normalization": normalization}
    for first, later in ((shades, shades), (noise[:5], noise[5:])):
        with EmbeddingExtractor(create_embedding_extractor(model), **fed) as extractor:
            content = add_class(model, extractor.extract(first), "no flower")
        extended = tmp_path / "extended.tflite"
        extended.write_bytes(content)
        labels = [*sorted(folder.name for folder in flowers(name).iterdir()), "no flower"]
        evaluation = evaluate(extended, flowers(name), labels=labels, **fed)
        assert evaluation.accuracy == pytest.approx(accuracy, abs=TOLERANCE)
        with Classifier(content, **fed) as classifier:
            answers = classifier.scores(later).argmax(axis=1)
        assert np.mean(answers == len(labels) - 1) >= 0.8


@pytest.mark.parametrize("name", RANDOM)
def test_a_class_is_added_to_every_head(odd: Path, data_dir: Path, name: str) -> None:
    """The old classes keep their order: none gets the probability of another."""
    model, photos = odd / f"{name}.tflite", some_photos(data_dir)
    fed = options(model)
    if name in NO_HEAD:
        with pytest.raises(ModelError, match=NO_HEAD[name]):
            add_class(model, np.ones((1, 8)), "new")
        return
    with EmbeddingExtractor(create_embedding_extractor(model), **fed) as extractor:
        content = add_class(model, extractor.extract([np.zeros((64, 64, 3), np.uint8)]), "new")
    with Classifier(model, **fed) as classifier:
        before = classifier.scores(photos)
    with Classifier(content, **fed) as classifier:
        after = classifier.scores(photos)
    assert after.shape[1] == before.shape[1] + 1
    of_old = after[:, :-1].sum(axis=1, keepdims=True)
    old = of_old[:, 0] > 0.5
    assert old.any()
    assert np.abs(after[old, :-1] / of_old[old] - before[old]).max(initial=0) < 0.06


# The accuracy on the flowers shows that the others are fed right.
FED_ALIKE = [name for name, (range_, _) in TRAINED.items() if range_ in (SIGNED_UNIT, None)]


@pytest.mark.parametrize("name", sorted({*RANDOM, *FED_ALIKE} - {"anysize"}))
def test_probabilities_are_those_of_the_plain_interpreter(
    odd: Path, data_dir: Path, name: str
) -> None:
    model = odd / f"{name}.tflite"
    photos = some_photos(data_dir)
    with Classifier(model, **options(model)) as classifier:
        scores = classifier.scores(photos)
    outputs = plain_outputs(model.read_bytes(), photos)
    expected = PROBABILITIES.get(name, unchanged)(outputs)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert np.abs(scores - expected).max() < 0.05


@pytest.mark.parametrize("name", [*RANDOM, *TRAINED])
def test_the_head_gives_the_probabilities_of_the_model(
    odd: Path, data_dir: Path, name: str
) -> None:
    model = odd / f"{name}.tflite"
    if name in NO_HEAD:
        with pytest.raises(ModelError, match=NO_HEAD[name]):
            read_head(model)
        return
    photos = some_photos(data_dir)
    fed = options(model)
    weights, biases, _ = read_head(model)
    with EmbeddingExtractor(create_embedding_extractor(model), **fed) as extractor:
        embeddings = np.asarray(extractor.extract(photos), np.float64)
    with Classifier(model, **fed) as classifier:
        expected = classifier.scores(photos)
    assert np.abs(softmax(embeddings @ weights + biases) - expected).max() < 0.06


# On embeddings of random weights, answers are close, and quantization may change two of eleven.
@pytest.mark.filterwarnings("ignore:.*quantization changed some close answers")
@pytest.mark.parametrize("name", [*RANDOM, "ml_sig", "two_outputs_i8"])
def test_train_cuts_every_model_that_has_an_embedding(
    odd: Path, data_dir: Path, tmp_path: Path, name: str
) -> None:
    photos = few_photos(data_dir / "flowers", tmp_path / "photos")
    model = odd / f"{name}.tflite"
    result = retrain(photos, model, tmp_path / "retrained", **options(model))
    assert any("cut" in note for note in result.notes)
    evaluation = evaluate(result.model.read_bytes(), photos)
    assert 0 <= evaluation.accuracy <= 1
    assert result.accuracy.test_saved == pytest.approx(result.accuracy.test_float, abs=2.5 / 11)


@pytest.mark.parametrize("name", RANDOM)
def test_an_imprinting_model_learns_on_every_model(odd: Path, data_dir: Path, name: str) -> None:
    """The embedding that is imprinted is the one that the model's extractor gives."""
    content = create_imprinting_model(odd / f"{name}.tflite")
    assert ModelFile(content).graph.outputs[0].shape == (1, 1)


def test_several_labels_at_once_are_no_softmax(odd: Path, data_dir: Path) -> None:
    model = odd / "ml_sig.tflite"
    photos = some_photos(data_dir)
    with Classifier(model) as classifier:
        scores = classifier.scores(photos)
    assert np.abs(scores - plain_outputs(model.read_bytes(), photos)).max() < 0.06
    with pytest.raises(ModelError, match=r"multi-label|several labels"):
        read_head(model)
    [*_, note] = evaluate(model, data_dir / "flowers").notes
    assert "multi-label" in note


@pytest.mark.parametrize("name", ["image_and_table_f32"])
@pytest.mark.parametrize(
    "use",
    [
        create_embedding_extractor,
        create_imprinting_model,
        Classifier,
        EmbeddingExtractor,
    ],
)
def test_two_inputs_are_refused_everywhere(odd: Path, name: str, use: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match="2 inputs"):
        use(odd / f"{name}.tflite")


@pytest.mark.parametrize("command", ["classify", "evaluate"])
def test_an_extractor_is_not_taken_for_a_classifier(data_dir: Path, command: str) -> None:
    model = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    photos = data_dir / "flowers"
    target = photos if command == "evaluate" else some_photos(data_dir)[0]
    result = CliRunner().invoke(app, [command, str(model), str(target)])
    assert isinstance(result.exception, ModelError)
    assert "is an embedding extractor" in str(result.exception)
