"""The command line: what it prints, where, and with which exit status."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.support.drawn_extractor import drawn_extractor

COMMAND = Path(sys.executable).with_name("coral-learn")


def run(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "100"},
        timeout=120,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extractor") / "extractor.tflite"
    path.write_bytes(drawn_extractor())
    return path


@pytest.fixture(scope="module")
def trained(
    photos: Path, extractor: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, object]:
    """The JSON object that ``train`` prints."""
    output = tmp_path_factory.mktemp("out")
    arguments = ("--extractor", extractor, "--output", output, "--seed", "1", "--json")
    printed = json.loads(run("train", photos, *arguments).stdout)
    assert isinstance(printed, dict)
    return printed


@pytest.mark.slow_when_emulated
def test_a_folder_of_other_photos_is_not_taken_for_that_of_the_photos(tmp_path: Path) -> None:
    found = run("train", "--none-of-these", tmp_path, "--output", tmp_path / "out", status=2)
    assert "the folder after --none-of-these is not it" in " ".join(found.stderr.split())


def test_train_prints_one_json_object(trained: dict[str, object]) -> None:
    parts = (
        "model labels report classes images skipped accuracy seconds device runtime notes resize "
        "learning_curve threshold strangers"
    )
    assert trained.keys() == set(parts.split())
    assert trained["classes"] == ["crab", "fish", "jellyfish"]
    assert trained["images"] == 60
    assert trained["device"] == "cpu"


@pytest.mark.slow_when_emulated
def test_train_ends_with_a_table_and_a_hint(photos: Path, extractor: Path, tmp_path: Path) -> None:
    done = run("train", photos, "--extractor", extractor, "--output", tmp_path / "out")
    assert "Accuracy, test photos, saved model" in done.stdout
    assert "Next: coral-learn classify" in done.stdout


@pytest.mark.slow_when_emulated
def test_classify_prints_the_best_classes(trained: dict[str, object], photos: Path) -> None:
    image = photos / "fish" / "fish_000.jpg"
    model, labels = str(trained["model"]), str(trained["labels"])
    done = run("classify", model, image, "--labels", labels, "--top-k", "2", "--json")
    [answer] = json.loads(done.stdout)
    assert answer["image"] == str(image)
    assert len(answer["results"]) == 2
    assert answer["results"][0].keys() == {"id", "label", "score"}
    done = run("classify", model, image, "--labels", labels)
    assert answer["results"][0]["label"] in done.stdout


@pytest.mark.slow_when_emulated
def test_a_photo_below_the_threshold_gets_no_class(
    trained: dict[str, object], photos: Path
) -> None:
    image = photos / "fish" / "fish_000.jpg"
    arguments = ("classify", str(trained["model"]), image, "--threshold", "1")
    assert "I don't know" in run(*arguments).stdout
    [found] = json.loads(run(*arguments, "--json").stdout)
    assert found.pop("familiarity") > 0
    assert found == {"image": str(image), "results": []}


@pytest.mark.slow_when_emulated
def test_classify_names_the_class_of_every_readable_photo(
    trained: dict[str, object], photos: Path, tmp_path: Path
) -> None:
    good = photos / "fish" / "fish_000.jpg"
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    done = run("classify", str(trained["model"]), bad, good, "--json", status=1)
    assert [answer["image"] for answer in json.loads(done.stdout)] == [str(good)]
    assert "bad.jpg" in done.stderr


@pytest.mark.slow_when_emulated
def test_evaluate_prints_accuracy_and_confusion(trained: dict[str, object], photos: Path) -> None:
    model, labels = str(trained["model"]), str(trained["labels"])
    printed = json.loads(run("evaluate", model, photos, "--labels", labels, "--json").stdout)
    assert printed["images"] == 60
    assert printed["accuracy"] >= 0.9
    assert sum(map(sum, printed["confusion"])) == 60
    assert "jellyfish" in run("evaluate", model, photos, "--labels", labels).stdout


@pytest.mark.slow_when_emulated
def test_demo_trains_a_model_and_keeps_photos_of_the_user(tmp_path: Path) -> None:
    done = run("demo", "--output", tmp_path / "demo", "--json")
    printed = json.loads(done.stdout)
    assert printed["accuracy"]["test_saved"] >= 0.9
    assert Path(printed["model"]).is_file()
    (tmp_path / "demo" / "photos" / "mine").mkdir()
    done = run("demo", "--output", tmp_path / "demo", status=1)
    assert "Choose another --output" in done.stderr


@pytest.mark.slow_when_emulated
def test_user_errors_are_one_line(
    photos: Path, extractor: Path, trained: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    out = ("--output", tmp_path / "out")
    for arguments, message in (
        (("train", tmp_path / "gone", "--extractor", extractor, *out), "does not exist"),
        (("train", tmp_path / "empty", "--extractor", extractor, *out), "has no class folders"),
        (("train", photos, "--extractor", "gone.tflite", *out), "Failed to open file: gone.tflite"),
        (("train", photos, "--extractor", tmp_path / "file", *out), ""),
        (("train", photos, "--extractor", extractor, "--output", tmp_path / "file"), "file: "),
        (("train", photos, "--extractor", extractor, *out, "--device", "tpu9"), "tpu9"),
        (("classify", "gone.tflite", "photo.jpg"), "Failed to open file: gone.tflite"),
        (("classify", str(trained["model"]), "gone.jpg"), "gone.jpg"),
        (("evaluate", str(trained["model"]), tmp_path / "gone"), "does not exist"),
    ):
        done = run(*arguments, status=1)
        assert done.stdout == ""
        [line] = done.stderr.strip().splitlines()
        assert line.startswith("coral-learn: error: ")
        assert message in line


@pytest.mark.slow_when_emulated
def test_a_project_is_managed_from_the_command_line(
    photos: Path, extractor: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    run("project", "create", project, "--extractor", extractor)
    for name in ("crab", "fish", "background"):
        folder = photos / {"background": "jellyfish"}.get(name, name)
        run("project", "add", project, name, folder, "--no-cache")
    run("project", "rename", project, "crab", "Krabbe")
    run("project", "remove", project, "fish")
    assert "remove class fish" in run("project", "undo", project).stdout
    found = json.loads(run("project", "show", project, "--json").stdout)
    assert [known["name"] for known in found["classes"]] == ["Krabbe", "fish", "background"]
    shown = run("project", "show", project).stdout
    assert "held-out photos (95% interval: " in shown
    assert "classify --threshold" in shown
    assert "Change 1: add class crab (20 photos)" in shown
    run("project", "export", project, "--output", tmp_path / "out")
    model = tmp_path / "out" / "retrained_model.tflite"
    image = photos / "jellyfish" / "jellyfish_000.jpg"
    [answer] = json.loads(run("classify", model, image, "--json").stdout)
    assert answer["results"][0]["label"] == "background"
    assert "the project has no class" in run("project", "remove", project, "eel", status=1).stderr


@pytest.mark.slow_when_emulated
def test_the_cache_is_shown_and_cleared(
    photos: Path, extractor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORAL_LEARN_CACHE", str(tmp_path / "cache"))
    assert json.loads(run("cache", "--json").stdout)["embeddings"] == 0
    run("train", photos, "--extractor", extractor, "--output", tmp_path / "out", "--no-cache")
    assert json.loads(run("cache", "--json").stdout)["embeddings"] == 0
    run("train", photos, "--extractor", extractor, "--output", tmp_path / "out")
    shown = json.loads(run("cache", "--json").stdout)
    assert shown["embeddings"] >= 60
    assert Path(shown["path"]).is_file()
    assert f"{shown['path']}: {shown['embeddings']} embeddings" in run("cache").stdout
    assert json.loads(run("cache", "--clear", "--json").stdout)["embeddings"] == 0


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("train", "photos", "--extractor", "e", "--output", "o", "--method", "adam"),
        ("train", "photos", "--extractor", "e", "--output", "o", "--iterations", "0"),
        ("train", "photos", "--extractor", "e", "--output", "o", "--test", "10"),
        ("classify", "model.tflite"),
        ("fly",),
    ],
)
def test_bad_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments, status=2).stdout == ""


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("command", ["train", "classify", "evaluate", "demo"])
def test_help_lists_the_json_option(command: str) -> None:
    assert "--json" in run(command, "--help").stdout


def test_version_is_printed() -> None:
    assert run("--version").stdout == f"coral-learn {version('coral-learn')}\n"


IMPORTS = """
import sys
import numpy
before = set(sys.modules)
import coral_learn
coral_learn.SoftmaxRegression
print([name for name in set(sys.modules) - before if name.split(".")[0] in
       {"ai_edge_litert", "tflite_runtime", "PIL", "flatbuffers", "rich", "click", "tensorflow"}])
"""


@pytest.mark.slow_when_emulated
def test_importing_and_training_need_no_interpreter_and_no_image_library() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow_when_emulated
@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("redirection", "status", "says"),
    [
        ("> /dev/full", 1, "No space left on device: free some space"),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("| true", 0, ""),
    ],
)
def test_full_or_closed_streams_cause_no_traceback(
    trained: dict[str, object], photos: Path, redirection: str, status: int, says: str
) -> None:
    if "/dev/full" in redirection and not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    image = photos / "fish" / "fish_000.jpg"
    command = shlex.join([str(COMMAND), "classify", str(trained["model"]), *[str(image)] * 5])
    script = f"{command} --json {redirection}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.slow_when_emulated
def test_file_names_with_undecodable_or_control_characters_are_escaped(
    trained: dict[str, object], photos: Path, tmp_path: Path
) -> None:
    image = tmp_path / os.fsdecode(b"caf\xe9 \x1b[31m.jpg")
    try:
        shutil.copy(photos / "fish" / "fish_000.jpg", image)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    model, gone = str(trained["model"]), Path(f"{image}.gone")
    assert r"caf\udce9 \x1b[31m.jpg: " in run("classify", model, image).stdout
    [answer] = json.loads(run("classify", model, image, "--json").stdout)
    assert answer["image"] == str(image)
    assert r"caf\udce9 \x1b[31m.jpg.gone" in run("classify", model, gone, status=1).stderr


def test_the_last_message_of_a_library_that_ends_the_process_is_shown(tmp_path: Path) -> None:
    message = "OpenBLAS error: no memory\n"  # as if a memory limit kept its threads from starting
    (tmp_path / "click.py").write_text(f"import os\nos.write(2, {message.encode()!r})\nos._exit(1)")
    done = subprocess.run(
        [COMMAND, "--version"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (1, message)


@pytest.mark.slow_when_emulated
@pytest.mark.skipif(sys.platform == "win32", reason="no process can send itself these on Windows")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", 1)])
def test_signals_end_a_command_cleanly(
    photos: Path, extractor: Path, tmp_path: Path, number: int
) -> None:
    arguments = ("train", photos, "--extractor", extractor, "--output", tmp_path / "out")
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, str(number), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert output == ""
    [line] = errors.strip().splitlines()
    assert line.startswith("coral-learn: stopped by ")
    assert line.endswith("no file is half-written; run the same command again to finish")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow_when_emulated
@pytest.mark.parametrize("started", range(4))
def test_a_thread_that_cannot_start_is_an_error(photos: Path, tmp_path: Path, started: int) -> None:
    model = tmp_path / "extractor.tflite"
    model.write_bytes(drawn_extractor())
    arguments = ("train", photos, "--extractor", model, "--output", tmp_path / "out", "--no-cache")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THREADS, str(started), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last_line = done.stderr.splitlines()[-1]
    assert last_line.startswith("coral-learn: error: no thread can be started: raise the limits")


WITHOUT_THREADS = """
import sys, threading
left = int(sys.argv.pop(1))
start = threading.Thread.start
def start_a_few(thread):
    global left
    left -= 1
    if left < 0:
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = start_a_few
from coral_learn.cli import main
main()
"""


SIGNALLED = """
import os, sys
number = int(sys.argv.pop(1))
from coral_learn.extraction import photo_file  # a thread reads a photo when the signal arrives
photo_file.read_photo = lambda path: os.kill(os.getpid(), number)
from coral_learn.cli import main
main()
"""
