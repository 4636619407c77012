"""Packages whose names load on first use."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier

from coral_learn.cli.app import _COMMANDS, load_command
from coral_learn.tflite.labels import attach_labels

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

PACKAGES = ["coral_learn", "coral_learn.dataset", "coral_learn.edgetpu"]


def typed_names(package: str) -> dict[str, str | None]:
    """Returns the names that a package imports for type checkers, with their submodules."""
    file = importlib.import_module(package).__file__
    assert file is not None
    tree = ast.parse(Path(file).read_text())
    blocks = [
        node.body
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {
        alias.asname: statement.module
        for block in blocks
        for statement in block
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname is not None
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_the_names_that_load(package: str) -> None:
    module = importlib.import_module(package)
    typed = typed_names(package)
    assert sorted(typed) == sorted(module.__all__)
    assert set(typed) <= set(dir(module))
    for name, submodule in typed.items():
        if submodule is None:
            expected = importlib.import_module(f"{package}.{name}")
        else:
            expected = getattr(importlib.import_module(f"{package}.{submodule}"), name)
        assert getattr(module, name) is expected


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = importlib.import_module(package).nothing


def test_importing_the_packages_loads_nothing_else() -> None:
    code = "import coral_learn.edgetpu, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, env=os.environ
    )
    modules = done.stdout.split()
    assert {name for name in modules if name.startswith("coral_learn")} == {
        "coral_learn",
        "coral_learn.edgetpu",
    }
    assert not {"numpy", "PIL", "ctypes", "flatbuffers"} & set(modules)


@pytest.mark.parametrize(
    "command", ["", "train", "project", "extractor", "export", "watch", "embed"]
)
def test_help_loads_nothing_that_a_command_runs_with(command: str) -> None:
    code = (
        "import sys; sys.argv = ['coral-learn', *sys.argv[1:], '--help']\n"
        "present = set(sys.modules)  # more if a package imports something at every start\n"
        "from coral_learn.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*set(sys.modules) - present, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=True
    )
    assert "Usage: coral-learn" in done.stdout
    modules = set(done.stderr.split())
    assert not {"numpy", "PIL", "rich", "flatbuffers", "fsspec", "pyarrow", "ray"} & modules
    if not command:  # the list of the commands imports none of them
        assert not {"pathlib", "dataclasses", "coral_learn.cli.options"} & modules


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    command = load_command(name)
    assert command is not None
    assert command.get_short_help_str(100) == _COMMANDS[name][2]


@pytest.mark.slow_when_emulated
def test_one_photo_is_classified_without_what_tables_caches_and_devices_need(
    tmp_path: Path,
) -> None:
    model, photo = tmp_path / "model.tflite", tmp_path / "photo.jpg"
    labels = [f"class {k}" for k in range(4)]
    model.write_bytes(attach_labels(build_classifier(classes=4).content, labels).content)
    Image.new("RGB", (8, 8)).save(photo)
    code = (
        "import sys; sys.argv = ['coral-learn', 'classify', *sys.argv[1:]]\n"
        "import numpy, ai_edge_litert.interpreter; before = set(sys.modules)\n"
        "from coral_learn.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*set(sys.modules) - before, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model, photo], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{photo}: class ")
    modules = set(done.stderr.split())
    assert "coral_learn.jobs.classification" in modules
    assert not {"rich", "json", "sqlite3", "hashlib", "numpy.ma", "importlib.metadata"} & modules
    assert "PIL.JpegImagePlugin" in modules
    assert not {"PIL.PngImagePlugin", "PIL.GifImagePlugin", "fractions"} & modules
    rare = "cli.tables extraction.cached_rows edgetpu.library edgetpu.delegate edgetpu.probe"
    assert not {f"coral_learn.{part}" for part in rare.split()} & modules


@pytest.mark.slow_when_emulated
def test_training_loads_nothing_that_downloads_need(photos: Path, tmp_path: Path) -> None:
    extractor, output = tmp_path / "extractor.tflite", tmp_path / "out"
    extractor.write_bytes(drawn_extractor())
    code = (
        "import sys; sys.argv = ['coral-learn', 'train', *sys.argv[1:]]\n"
        "import numpy, ai_edge_litert.interpreter; before = set(sys.modules)\n"
        "from coral_learn.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, photos, "--extractor", extractor, "--output", output],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    modules = set(done.stdout.splitlines()[-1].split())
    assert "coral_learn.jobs.retraining" in modules
    assert not {"fsspec", "pyarrow", "ray", "coral_learn.distributed"} & modules
    assert not {"numpy.ma", "ssl", "http.client", "urllib.request", "difflib"} & modules


@pytest.mark.parametrize("given", [None, "20"])
def test_idle_threads_of_blas_do_not_spin_unless_the_user_says_so(given: str | None) -> None:
    code = (
        "import os, sys; sys.argv = ['coral-learn', '--version']\n"
        "from coral_learn.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(os.environ['OPENBLAS_THREAD_TIMEOUT'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    if given is not None:
        environment["OPENBLAS_THREAD_TIMEOUT"] = given
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    assert done.stdout.split()[-1] == (given or "4")


@pytest.mark.slow_when_emulated
def test_splits_and_folds_need_no_masked_arrays() -> None:
    code = (
        "import sys, numpy as np\n"
        "present = set(sys.modules)  # NumPy 1 has imported it\n"
        "from coral_learn import split_by_class\n"
        "from coral_learn.heads.folds import fold_numbers\n"
        "labels = np.arange(20) % 2\n"
        "split_by_class(labels, 0.1, 0.1); fold_numbers(labels, None, np.random.default_rng(0))\n"
        "print(*set(sys.modules) - present)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numpy.ma" not in done.stdout.split()


RARE_PARTS = {
    "retrain": "label_formats heads.imprinting extraction.deep_pictures jobs.report "
    "jobs.input_range",
    "Project": "project.training project.new_extractor tflite.cut tflite.linear_layer "
    "dataset.split heads.penalty_search",
    "ImprintingEngine": "tflite.imprinting.append tflite.linear_layer tflite.input_shape",
}


@pytest.mark.parametrize("name", RARE_PARTS)
def test_a_name_loads_rare_parts_only_when_it_needs_them(name: str) -> None:
    code = f"import coral_learn, sys; coral_learn.{name}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rare = {f"coral_learn.{part}" for part in RARE_PARTS[name].split()}
    assert not rare & set(done.stdout.split())


@pytest.mark.parametrize("name", ["Classifier", "EmbeddingExtractor", "Project", "retrain"])
def test_naming_the_runtime_needs_no_metadata_of_packages(name: str) -> None:
    code = (
        "import sys, numpy; before = set(sys.modules)\n"
        f"import coral_learn; coral_learn.{name}; coral_learn.edgetpu.runtime_name()\n"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "importlib.metadata" not in done.stdout.split()
