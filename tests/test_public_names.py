"""Everything that users can name: modules, functions, commands, options and JSON keys.

A test that fails here means that a name was added, renamed or removed. Add new names to the tables.
A name that is missing breaks the programs of users.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest
from tests.support.model_builder import build_classifier, build_extractor

import coral_learn
from coral_learn import distributed, pycoral
from coral_learn.cli.app import app

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

# Parameters by name. A class is listed with the parameters of its constructor; None: not listed.
PACKAGE: dict[str, str | None] = {
    "Answer": "classes familiarity",
    "Class": "id label score",
    "Classifier": "model labels device cache input_size normalization resize",
    "EdgeTpuError": None,
    "EmbeddingCache": "folder max_bytes",
    "EmbeddingExtractor": "model device workers cache input_size normalization resize",
    "Embeddings": "quantized scale zero_point",
    "Evaluation": "accuracy images classes confusion skipped interval seen new notes",
    "ExportResult": "target output files classes notes next_step",
    "ImageFolder": "path",
    "ImprintingEngine": "model_path keep_classes",
    "ModelError": None,
    "Project": "path",
    "RetrainResult": (
        "model labels report classes images skipped accuracy seconds device runtime notes resize "
        "learning_curve threshold strangers"
    ),
    "SgdSettings": "iterations learning_rate batch_size weight_scale",
    "SoftmaxRegression": "feature_dim num_classes weight_scale reg seed",
    "Split": "train validation test",
    "add_class": "model embeddings label",
    "build_info": "",
    "create_embedding_extractor": "classifier tensor_name input_size normalization",
    "create_imprinting_model": "model keep_classes tensor_name",
    "doctor": "model device",
    "edgetpu": None,
    "evaluate": "model data_dir labels device cache input_size progress normalization resize",
    "export_model": "model target output labels normalization",
    "find_label_errors": "embeddings labels groups seed",
    "format_labels": "labels",
    "install_as_pycoral": "",
    "label_next": "embeddings labels unlabelled count seed",
    "learning_curve": "embeddings labels groups seed",
    "plot": None,
    "read_head": "classifier",
    "read_labels": "model",
    "remember_classes": "classifier embeddings labels",
    "retrain": (
        "data_dir extractor output tensor_name method sgd validation test seed device cache "
        "input_size progress normalization resize precision none_of_these engine"
    ),
    "split_by_class": "labels validation test seed groups",
}
DISTRIBUTED: dict[str, str | None] = {
    "BUCKETS": None,
    "Fold": "table number",
    "HeldOutSums": "losses weight right",
    "LEFT_OUT": None,
    "LossSums": "loss weight_gradient bias_gradient weight",
    "MemoryShard": "embeddings labels sample_weight class_weight groups buckets",
    "Moments": "weight total squares lengths zeros sketch sketch_total sketch_rows",
    "NEVER_HELD_OUT": None,
    "ParquetShard": None,
    "SKETCH": None,
    "Shard": None,
    "ShardChangedError": None,
    "ShardDescription": "features rows weights grouped quantized",
    "ShardError": None,
    "ShardLostError": None,
    "buckets_of": "embeddings",
    "buckets_of_groups": "groups",
    "open_parquet": "path",
    "sketch_signs": "features",
}

EDGETPU: dict[str, str | None] = {
    "DEVICE_VARIABLE": None,
    "Delegate": None,
    "Device": "type path",
    "Diagnosis": (
        "problems notes coral_learn python python_path system runtime runtime_path libedgetpu "
        "libedgetpu_path devices model"
    ),
    "Interpreter": None,
    "ModelNeeds": "compiled runtime_version",
    "Problem": "what fix",
    "RUNTIME_VARIABLE": None,
    "TensorDetails": None,
    "get_runtime_version": "",
    "list_edge_tpus": "",
    "load_edgetpu_delegate": "options",
    "make_interpreter": "model_path_or_content device delegate num_threads reproducible",
    "runtime_module": "",
    "runtime_name": "",
}
PLOT: dict[str, str | None] = {
    "plot_confusion": "result ax",
    "plot_learning_curve": "result more ax",
}
# Attributes of objects; methods are listed with their parameters.
ATTRIBUTES: dict[str, dict[str, str | None]] = {
    "Classifier": {
        "answer": "images top_k threshold coverage progress on_error",
        "classify": "images top_k threshold coverage progress on_error",
        "close": "",
        "knows_familiarity": None,
        "label": "index",
        "labels": None,
        "num_classes": None,
        "resize": None,
        "scores": "images progress on_error",
        "threshold": None,
    },
    "EmbeddingCache": {"clear": "", "info": "", "max_bytes": None, "path": None},
    "EmbeddingExtractor": {
        "close": "",
        "device": None,
        "extract": "images progress on_error",
        "feature_dim": None,
        "input_size": None,
        "resize": None,
        "output_format": None,
        "stream": "images",
        "stream_outcomes": "images",
    },
    "Embeddings": {
        "concatenate": "parts",
        "dtype": None,
        "load": "path",
        "ndim": None,
        "quantized": None,
        "save": "path",
        "scale": None,
        "shape": None,
        "zero_point": None,
    },
    "ImageFolder": {
        "classes": None,
        "groups": None,
        "labels": None,
        "listed": "path",
        "names": None,
        "notes": None,
        "origin": "row",
        "path": None,
        "paths": None,
        "shown": "text",
        "split": None,
    },
    "ImprintingEngine": {
        "embedding_dim": None,
        "get_accuracy": "mat_x labels",
        "labels": None,
        "num_classes": None,
        "predict": "x",
        "predict_proba": "x",
        "serialize_extractor_model": "",
        "serialize_model": "",
        "train": "embedding class_id",
        "train_all": "embeddings labels",
    },
    "Project": {
        "add": "name photos device cache progress on_error",
        "add_class": "name photos device cache progress on_error",
        "add_embedded": "name folder",
        "add_photos": "name photos device cache progress on_error",
        "classes": None,
        "confirm_photos": "photos",
        "create": "path extractor tensor_name input_size normalization resize keep",
        "drop_photos": "photos",
        "export": "output",
        "extractor": None,
        "history": None,
        "index": None,
        "make_model": "familiarity check",
        "measure": "check",
        "measure_later": "",
        "move_photos": "name photos",
        "notes": None,
        "path": None,
        "photos": None,
        "photos_of": "name",
        "redo": "",
        "remove_class": "name",
        "rename_class": "name new_name",
        "serialize_model": "",
        "step": None,
        "summary": None,
        "to_json": "",
        "undo": "",
    },
    "SoftmaxRegression": {
        "biases": None,
        "feature_dim": None,
        "fit": "embeddings labels validation class_weight sample_weight penalty seed progress "
        "groups temperature start",
        "get_accuracy": "mat_x labels",
        "labels": None,
        "load": "path",
        "num_classes": None,
        "predict": "x",
        "predict_proba": "x",
        "quantization_report": "in_model_path embeddings",
        "reg": None,
        "save": "path",
        "seed": None,
        "serialize_model": "in_model_path",
        "train_with_sgd": (
            "data num_iter learning_rate batch_size print_every momentum learning_rate_decay "
            "replacement patience progress"
        ),
        "weight_scale": None,
        "weights": None,
    },
}
PYWRAP: dict[str, str | None] = {
    "invoke_with_bytes": "interpreter_handle input_data",
    "invoke_with_dmabuffer": "interpreter_handle dma_fd size",
    "invoke_with_membuffer": "interpreter_handle buffer size",
    "supports_dmabuf": "interpreter_handle",
}
PYCORAL: dict[str, dict[str, str | None]] = {
    "": {},
    ".adapters": {},
    ".adapters.classify": {
        "Class": "id score",
        "get_classes": "interpreter top_k score_threshold",
        "get_classes_from_scores": "scores top_k score_threshold",
        "get_scores": "interpreter",
        "num_classes": "interpreter",
    },
    ".adapters.common": {
        "input_details": "interpreter key",
        "input_size": "interpreter",
        "input_tensor": "interpreter",
        "output_tensor": "interpreter i",
        "set_input": "interpreter data",
        "set_resized_input": "interpreter size resize",
    },
    ".adapters.detect": {
        "BBox": "xmin ymin xmax ymax",
        "Object": "id score bbox",
        "get_objects": "interpreter score_threshold image_scale",
    },
    ".adapters.segment": {"get_output": "interpreter"},
    ".learn": {},
    ".learn.backprop": {},
    ".learn.backprop.softmax_regression": {"SoftmaxRegression": PACKAGE["SoftmaxRegression"]},
    ".learn.imprinting": {},
    ".learn.imprinting.engine": {"ImprintingEngine": PACKAGE["ImprintingEngine"]},
    ".pipeline": {},
    ".pipeline.pipelined_model_runner": {"PipelinedModelRunner": "interpreters"},
    ".pybind": {},
    ".pybind._pywrap_coral": {
        "GetRuntimeVersion": "",
        "InvokeWithBytes": PYWRAP["invoke_with_bytes"],
        "InvokeWithDmaBuffer": PYWRAP["invoke_with_dmabuffer"],
        "InvokeWithMemBuffer": PYWRAP["invoke_with_membuffer"],
        "ListEdgeTpus": "",
        "SetVerbosity": "verbosity",
        "SupportsDmabuf": PYWRAP["supports_dmabuf"],
    },
    ".utils": {},
    ".utils.dataset": {"read_label_file": "file_path"},
    ".utils.edgetpu": {
        **{
            name: EDGETPU[name]
            for name in ("get_runtime_version", "list_edge_tpus", "load_edgetpu_delegate")
        },
        **PYWRAP,
        "make_interpreter": "model_path_or_content device delegate",
        "run_inference": "interpreter input_data",
        "set_verbosity": "verbosity",
    },
}
SKLEARN: dict[str, str | None] = {
    "coef_": None,
    "decision_function": "X",
    "fit": "X y sample_weight",
    "from_logistic_regression": "other",
    "intercept_": None,
    "predict": "X",
    "predict_proba": "X",
    "to_logistic_regression": "",
}
COMMANDS = {
    "": "--version",
    "cache": "--clear --json",
    "classify": (
        "MODEL IMAGES --labels --top-k --threshold --coverage --input-size --input-range --resize "
        "--device --json"
    ),
    "demo": "--output --force --json",
    "doctor": "--model --device --json",
    "embed": (
        "PHOTOS --extractor --tensor --output --engine --address --workers --input-size "
        "--input-range --resize --device --cache --no-cache --json"
    ),
    "evaluate": (
        "MODEL DATA_DIR --labels --input-size --input-range --resize --device --cache --no-cache "
        "--json"
    ),
    "export": "MODEL --for --output --labels --input-range --force --json",
    "extractor": (
        "CLASSIFIER --output --tensor --photos --list --input-size --input-range --force --json"
    ),
    "fleet": "",
    "fleet join": (
        "PROJECT --server --code --certificate --plain --key --stay --at-least --noise --name "
        "--output --device --force --json"
    ),
    "fleet new": "FOLDER",
    "fleet serve": (
        "PROJECT --boards --wait --patience --penalty --quick --clip --seed --host --port --tls "
        "--plain --certificate --node-key --at-least --noise --name --output --device --force "
        "--json"
    ),
    "models": "--download --compare --device --cache --no-cache --json",
    "project": "",
    "project add": "FOLDER NAME PHOTOS --device --cache --no-cache",
    "project confirm": "FOLDER PHOTOS",
    "project create": (
        "FOLDER --extractor --input-range --resize --tensor --input-size --keep --force"
    ),
    "project doubtful": "FOLDER --json",
    "project drop": "FOLDER PHOTOS",
    "project export": "FOLDER --output --force",
    "project move": "FOLDER NAME PHOTOS",
    "project photos": "FOLDER NAME --json",
    "project redo": "FOLDER",
    "project remove": "FOLDER NAME",
    "project rename": "FOLDER NAME NEW_NAME",
    "project show": "FOLDER --json",
    "project review": (
        "SOURCE --extractor --photos --unlabelled --count --output --apply --undo --dry-run "
        "--limit --seed --input-size --input-range --resize --device --cache --no-cache --force "
        "--json"
    ),
    "project undo": "FOLDER",
    "project watch": "FOLDER NAME WATCHED --existing --count --device --cache --no-cache --json",
    "review": (
        "SOURCE --extractor --photos --unlabelled --count --output --apply --undo --dry-run "
        "--limit --seed --input-size --input-range --resize --device --cache --no-cache --force "
        "--json"
    ),
    "studio": (
        "FOLDER --host --port --https --extractor --resize --keep --device "
        "--camera --watch --browser --no-browser"
    ),
    "train": (
        "DATA_DIR --extractor --tensor --output --method --iterations --learning-rate --batch-size "
        "--weight-scale --val --test --seed --input-size --input-range --resize --precision "
        "--none-of-these --engine --address --workers --device --cache --no-cache --force --json"
    ),
    "watch": (
        "SOURCE --model --labels --every --existing --count --top-k --threshold --mqtt "
        "--mqtt-password-file --name --input-size --input-range --resize --device --json"
    ),
}
PHOTO_KEYS = {"path": None, "reason": None}
RETRAINED_KEYS = {
    "accuracy": {
        "cross_validated": {
            "accuracy": None,
            "calibration_error": None,
            "interval": [None],
            "macro_accuracy": None,
            "macro_interval": [None],
            "photos": None,
            "recalls": [{"interval": [None], "name": None, "photos": None, "recall": None}],
        },
        "interval": [None],
        "photos": {"test": None, "train": None, "validation": None},
        "test_float": None,
        "test_saved": None,
        "train": None,
        "validation": None,
    },
    "classes": [None],
    "device": None,
    "images": None,
    "labels": None,
    "learning_curve": {
        "accuracies": [None],
        "error": None,
        "exponent": None,
        "photos": None,
        "sizes": [None],
    },
    "model": None,
    "notes": [],
    "report": None,
    "resize": None,
    "runtime": None,
    "seconds": {"extract": None, "serialize": None, "train": None, "verify": None},
    "skipped": [],
    "strangers": {"auroc": None, "worst_auroc": None, "worst_class": None},
    "threshold": None,
}
NOT_MEASURED = {"learning_curve": None, "strangers": None}  # with two classes and few photos
CANDIDATE_KEYS = {"dtype": None, "name": None, "shape": [None]}


def parameters_of(value: Any) -> str:
    return " ".join(inspect.signature(value).parameters)


def public_names(module: ModuleType) -> list[str]:
    return list(vars(module)["__all__"])


def assert_names(owner: ModuleType, names: list[str], table: dict[str, str | None]) -> None:
    assert sorted(names) == sorted(table)
    for name, parameters in table.items():
        if parameters is not None:
            assert parameters_of(getattr(owner, name)) == parameters, name


def test_names_of_the_package() -> None:
    assert_names(coral_learn, public_names(coral_learn), PACKAGE)


def test_names_of_distributed() -> None:
    assert_names(distributed, public_names(distributed), DISTRIBUTED)


def test_names_of_plot() -> None:
    assert_names(coral_learn.plot, coral_learn.plot.__all__, PLOT)


def test_names_of_edgetpu() -> None:
    assert_names(coral_learn.edgetpu, public_names(coral_learn.edgetpu), EDGETPU)


@pytest.mark.parametrize("suffix", PYCORAL)
def test_names_of_pycoral(suffix: str) -> None:
    module = import_module(pycoral.__name__ + suffix)
    defined = [
        name
        for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", None) == module.__name__
    ]
    assert_names(module, getattr(module, "__all__", defined), PYCORAL[suffix])


def test_no_module_of_pycoral_is_missing_from_the_table() -> None:
    folder = Path(pycoral.__file__ or "").parent
    found = {
        "".join(f".{part}" for part in path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if path.name != "__main__.py"
    }
    assert {name.removesuffix(".__init__") for name in found} == set(PYCORAL)


def test_names_of_sklearn() -> None:
    pytest.importorskip("sklearn", reason="the extra coral-learn[sklearn] is not installed")
    classifier = import_module("coral_learn.sklearn").SoftmaxClassifier
    assert parameters_of(classifier) == "class_weight penalty random_state precision"
    for name, parameters in SKLEARN.items():
        if parameters is None:
            assert name in dir(classifier)
        else:
            assert parameters_of(getattr(classifier(), name)) == parameters, name


@pytest.fixture
def small_photos(photos: Path, tmp_path: Path) -> Path:
    """Six photos of each of two classes, and a file that is not a photo."""
    for name in ("crab", "fish"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for photo in sorted((photos / name).iterdir())[:6]:
            (tmp_path / "photos" / name / photo.name).symlink_to(photo)
    (tmp_path / "photos" / "crab" / "broken.jpg").write_bytes(b"this is no photo")
    return tmp_path / "photos"


def make_object(name: str, folder: Path, small_photos: Path) -> Any:
    extractor = build_extractor().content
    makers: dict[str, Callable[[], Any]] = {
        "Classifier": lambda: coral_learn.Classifier(build_classifier().content, device="cpu"),
        "EmbeddingCache": lambda: coral_learn.EmbeddingCache(folder),
        "EmbeddingExtractor": lambda: coral_learn.EmbeddingExtractor(extractor, device="cpu"),
        "Embeddings": lambda: coral_learn.Embeddings(np.zeros((1, 2), np.uint8)),
        "ImageFolder": lambda: coral_learn.ImageFolder(small_photos),
        "ImprintingEngine": lambda: coral_learn.ImprintingEngine(
            coral_learn.create_imprinting_model(extractor)
        ),
        "Project": lambda: coral_learn.Project.create(folder, extractor),
        "SoftmaxRegression": lambda: coral_learn.SoftmaxRegression(4, 2),
    }
    return makers[name]()


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_of_objects(name: str, tmp_path: Path, small_photos: Path) -> None:
    made = make_object(name, tmp_path / "made", small_photos)
    for attribute, parameters in ATTRIBUTES[name].items():
        value = getattr(made, attribute)
        if parameters is not None:
            assert parameters_of(value) == parameters, attribute
    getattr(made, "close", lambda: None)()


def commands_of(command: click.Command, name: str = "") -> Iterator[tuple[str, str]]:
    options = [
        word
        for each in command.params
        for word in (
            [*each.opts, *each.secondary_opts]
            if isinstance(each, click.Option)
            else [(each.name or "").upper()]
        )
    ]
    yield name, " ".join(options)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            yield from commands_of(inner, f"{name} {each}".strip())


def test_commands_and_their_options() -> None:
    assert dict(commands_of(app)) == COMMANDS


def keys_of(value: Any) -> Any:
    """Returns the keys of JSON, with those of the first element of every list."""
    if isinstance(value, dict):
        return {key: keys_of(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [keys_of(each) for each in value[:1]]
    return None


@pytest.fixture
def json_keys(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Runs a command with --json, and returns the keys that it prints."""
    monkeypatch.setenv("CORAL_LEARN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["coral-learn"])

    def run(*arguments: object) -> Any:
        capsys.readouterr()
        with suppress(SystemExit):  # the doctor exits with 1 if it finds a problem
            app([*map(str, arguments), "--json"], standalone_mode=False)
        return keys_of(json.loads(capsys.readouterr().out))

    return run


@pytest.fixture
def extractor(tmp_path: Path) -> Path:
    (tmp_path / "extractor.tflite").write_bytes(build_extractor("uint8", 8).content)
    return tmp_path / "extractor.tflite"


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    (tmp_path / "classifier.tflite").write_bytes(build_classifier(classes=2).content)
    return tmp_path / "classifier.tflite"


def test_json_of_train(
    json_keys: Callable[..., Any], small_photos: Path, extractor: Path, tmp_path: Path
) -> None:
    keys = json_keys("train", small_photos, "--extractor", extractor, "--output", tmp_path / "out")
    assert keys == {**RETRAINED_KEYS, "skipped": [PHOTO_KEYS], **NOT_MEASURED}


def test_json_of_review(
    json_keys: Callable[..., Any], small_photos: Path, extractor: Path, tmp_path: Path
) -> None:
    keys = json_keys("review", small_photos, "--extractor", extractor, "--output", tmp_path / "out")
    doubtful = {"label": None, "path": None, "probability": None, "suggested": None}
    assert keys["doubtful"] in ([], [doubtful])
    assert keys | {"doubtful": []} == {
        "blurriest": [{"label": None, "path": None, "sharpness": None}],
        "classes": {"crab": None, "fish": None},
        "confused_classes": keys["confused_classes"],
        "darkest": [{"brightness": None, "label": None, "path": None}],
        "doubtful": [],
        "duplicates": [],
        "files": [None],
        "label_next": [],
        "near_duplicates": keys["near_duplicates"],
        "notes": [],
        "outliers": [],
        "photos": None,
        "skipped": [PHOTO_KEYS],
        "source": None,
    }


def test_json_of_demo(
    json_keys: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coral_learn.demo.run.PHOTOS_PER_CLASS", 10)
    assert json_keys("demo", "--output", tmp_path / "demo") == RETRAINED_KEYS


def test_json_of_evaluate(
    json_keys: Callable[..., Any], small_photos: Path, classifier: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("crab\nfish\n")
    assert json_keys("evaluate", classifier, small_photos, "--labels", labels) == {
        "accuracy": None,
        "classes": [None],
        "confusion": [[None]],
        "images": None,
        "interval": [None],
        "new": None,
        "notes": [],
        "seen": None,
        "skipped": [PHOTO_KEYS],
    }


def test_json_of_classify(
    json_keys: Callable[..., Any], small_photos: Path, classifier: Path
) -> None:
    photo = next((small_photos / "fish").iterdir())
    assert json_keys("classify", classifier, photo) == [
        {"image": None, "results": [{"id": None, "label": None, "score": None}]}
    ]


def test_json_of_extractor(json_keys: Callable[..., Any], classifier: Path, tmp_path: Path) -> None:
    assert json_keys("extractor", classifier, "--list") == [CANDIDATE_KEYS]
    assert json_keys("extractor", classifier, "--output", tmp_path / "cut.tflite") == {
        **CANDIDATE_KEYS,
        "extractor": None,
        "feature_dim": None,
        "notes": [],
    }


def test_json_of_export(json_keys: Callable[..., Any], classifier: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("crab\nfish\n")
    arguments = ("--for", "mediapipe", "--labels", labels, "--output", tmp_path / "out")
    assert json_keys("export", classifier, *arguments) == {
        "classes": [None],
        "files": [None],
        "for": None,
        "notes": [],
        "output": None,
    }


def test_json_of_doctor(json_keys: Callable[..., Any], classifier: Path) -> None:
    keys = json_keys("doctor", "--model", classifier)
    assert keys.pop("problems") in ([], [{"fix": None, "what": None}])
    assert keys.pop("notes") in ([], [None])
    assert keys.pop("devices") in ([], [{"path": None, "type": None}])
    assert keys == {
        "coral_learn": None,
        "libedgetpu": None,
        "libedgetpu_path": None,
        "model": {"compiled": None, "runtime_version": None},
        "ok": None,
        "python": None,
        "python_path": None,
        "runtime": None,
        "runtime_path": None,
        "system": None,
    }


def test_json_of_cache(json_keys: Callable[..., Any]) -> None:
    assert json_keys("cache") == dict.fromkeys(["bytes", "embeddings", "max_bytes", "path"])


def test_json_of_project_show(
    json_keys: Callable[..., Any], extractor: Path, small_photos: Path, tmp_path: Path
) -> None:
    project = coral_learn.Project.create(tmp_path / "project", extractor)
    project.add_class("fish", sorted((small_photos / "fish").iterdir()), device="cpu")
    assert json_keys("project", "show", project.path) == {
        "accuracy": None,
        "classes": [{"name": None, "photos": None}],
        "history": [None],
        "interval": None,
        "keep": None,
        "path": None,
        "tested": None,
        "threshold": None,
    }
