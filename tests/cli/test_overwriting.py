"""Commands do not overwrite what they did not write, unless they are told to."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier

from coral_learn.jobs.outputs import foreign_results
from coral_learn.jobs.retraining import retrain
from coral_learn.tflite.labels import attach_labels

COMMAND = Path(sys.executable).with_name("coral-learn")

pytestmark = pytest.mark.slow_when_emulated


def run(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def run_on_terminal(answer: str, *arguments: str | Path) -> tuple[int, str]:
    """Runs a command that asks a question; returns its status and what the terminal shows."""
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *map(str, arguments)], stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    os.write(control, f"{answer}\n".encode())
    shown = b""
    while True:
        try:
            part = os.read(control, 4096)
        except OSError:  # the command has ended
            break
        if not part:
            break
        shown += part
    os.close(control)
    return process.wait(60), " ".join(shown.decode().split())


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return retrain(photos, drawn_extractor(), tmp_path_factory.mktemp("trained")).model.parent


@pytest.fixture
def result(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "result"))


def test_an_own_earlier_result_is_no_foreign_file(result: Path, tmp_path: Path) -> None:
    assert foreign_results(result) == []
    assert foreign_results(tmp_path / "missing") == []
    assert foreign_results(result / "label_map.txt") == []  # its own error follows


@pytest.mark.parametrize("name", ["retrained_model.tflite", "label_map.txt"])
def test_a_changed_file_is_foreign(result: Path, name: str) -> None:
    (result / name).write_bytes(b"0 mine\n")
    assert result / name in foreign_results(result)


def test_what_a_killed_process_left_half_replaced_is_no_foreign_file(
    result: Path, tmp_path: Path
) -> None:
    """Between two renames the model is the new one, and the label map that of the old one."""
    renamed = attach_labels(result / "retrained_model.tflite", ["a", "b", "c"])
    (tmp_path / "new.tflite").write_bytes(renamed.content)
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from coral_learn.jobs.saved_model import save_model\n"
        "from coral_learn.tflite.file import ModelFile\n"
        "replace = os.replace\n"
        "os.replace = lambda old, new: (replace(old, new), os._exit(9))\n"
        "save_model(Path(sys.argv[1]), ModelFile.open(sys.argv[2]), ['a', 'b', 'c'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, result, tmp_path / "new.tflite"])
    assert done.returncode == 9
    assert (result / "retrained_model.tflite").read_bytes() == renamed.content
    assert (result / "label_map.txt").read_text() == "0 crab\n1 fish\n2 jellyfish\n"
    assert foreign_results(result) == []


def test_files_without_a_model_are_foreign(tmp_path: Path) -> None:
    for name in ("label_map.txt", "photos.csv", "report.html", "report.json", "other.txt"):
        (tmp_path / name).touch()
    names = ["label_map.txt", "report.html", "report.json", "photos.csv"]
    assert foreign_results(tmp_path) == [tmp_path / name for name in names]


def test_a_model_without_labels_is_foreign(tmp_path: Path) -> None:
    model = tmp_path / "retrained_model_edgetpu.tflite"  # as pycoral's script writes it
    model.write_bytes(build_classifier().content)
    assert foreign_results(tmp_path) == [model]


def test_train_overwrites_its_own_result_and_nothing_else(
    photos: Path, tmp_path: Path, result: Path
) -> None:
    extractor = tmp_path / "extractor.tflite"
    extractor.write_bytes(drawn_extractor())
    train = ("train", photos, "--extractor", extractor, "--output", result, "--json")
    run(*train)
    (result / "label_map.txt").write_text("0 mine\n")
    done = run(*train, status=1)
    assert "label_map.txt exists and is not an earlier result of this command. " in done.stderr
    assert "Choose another --output, or overwrite with --force." in done.stderr
    assert (result / "label_map.txt").read_text() == "0 mine\n"
    run(*train, "--force")
    assert (result / "label_map.txt").read_text() == "0 crab\n1 fish\n2 jellyfish\n"


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    path = tmp_path / "classifier.tflite"
    path.write_bytes(build_classifier("float32").content)
    return path


@pytest.mark.parametrize("link", [None, "hard", "symbolic"])
def test_extractor_never_overwrites_its_input(
    classifier: Path, tmp_path: Path, link: str | None
) -> None:
    before, output = classifier.read_bytes(), classifier
    if link is not None:
        output = tmp_path / "link.tflite"
        (output.hardlink_to if link == "hard" else output.symlink_to)(classifier)
    done = run("extractor", classifier, "--output", output, "--force", status=1)
    assert "is the model that is read" in done.stderr
    assert classifier.read_bytes() == before


def test_extractor_overwrites_an_extractor_and_nothing_else(
    classifier: Path, tmp_path: Path
) -> None:
    output = tmp_path / "extractor.tflite"
    for _ in range(2):
        run("extractor", classifier, "--output", output)
    output.write_bytes(b"mine")
    done = run("extractor", classifier, "--output", output, status=1)
    assert "--force" in done.stderr
    assert output.read_bytes() == b"mine"
    assert "this is a folder" in run("extractor", classifier, "--output", tmp_path, status=1).stderr


@pytest.mark.parametrize(("answer", "status"), [("n", 1), ("y", 0)])
def test_a_user_at_a_terminal_is_asked(
    classifier: Path, tmp_path: Path, answer: str, status: int
) -> None:
    output = tmp_path / "extractor.tflite"
    output.write_bytes(b"mine")
    found, shown = run_on_terminal(answer, "extractor", classifier, "--output", output)
    assert found == status, shown
    assert "Overwrite? [y/N]" in shown
    assert (output.read_bytes() == b"mine") == (answer == "n")


def test_a_new_project_keeps_the_files_of_its_folder(tmp_path: Path) -> None:
    extractor = tmp_path / "e.tflite"
    extractor.write_bytes(drawn_extractor())
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "extractor.tflite").write_bytes(b"mine")
    create = ("project", "create", folder, "--extractor", extractor)
    assert "--force" in run(*create, status=1).stderr
    assert (folder / "extractor.tflite").read_bytes() == b"mine"
    run(*create, "--force")


def test_a_new_project_may_write_what_is_there(classifier: Path, tmp_path: Path) -> None:
    create = ("project", "create", tmp_path / "project", "--extractor", classifier)
    run(*create)
    (tmp_path / "project" / "project.json").unlink()
    run(*create)  # the same cut of the same classifier
    (tmp_path / "project" / "project.json").unlink()
    assert "--force" in run(*create, "--input-range", "0..1", status=1).stderr


def test_export_overwrites_its_own_result_and_nothing_else(photos: Path, tmp_path: Path) -> None:
    extractor = tmp_path / "e.tflite"
    extractor.write_bytes(drawn_extractor())
    folder, output = tmp_path / "project", tmp_path / "out"
    run("project", "create", folder, "--extractor", extractor)
    for name in ("crab", "fish"):
        run("project", "add", folder, name, photos / name)
    for _ in range(2):
        run("project", "export", folder, "--output", output)
    (output / "label_map.txt").write_text("0 mine\n")
    assert "--force" in run("project", "export", folder, "--output", output, status=1).stderr
    run("project", "export", folder, "--output", output, "--force")


@pytest.mark.parametrize("option", ["--iterations", "--learning-rate", "--batch-size"])
def test_settings_of_sgd_are_refused_with_another_method(photos: Path, option: str) -> None:
    train = ("train", photos, "--extractor", "e.tflite", "--output", "out", option, "3")
    done = run(*train, status=2)
    assert f"{option}: for SGD only, and the method is fit. Add --method sgd" in done.stderr


def test_a_folder_of_classes_is_no_class(photos: Path, tmp_path: Path) -> None:
    extractor = tmp_path / "e.tflite"
    extractor.write_bytes(drawn_extractor())
    run("project", "create", tmp_path / "project", "--extractor", extractor)
    done = run("project", "add", tmp_path / "project", "sea", photos, status=1)
    assert f"`coral-learn project add {tmp_path}/project crab {photos}/crab`" in done.stderr
