"""The command ``coral-learn watch``."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.dataset.test_videos import make_video
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier
from tests.support.mosquitto import Mosquitto

from coral_learn import retrain
from coral_learn.cli.app import app
from coral_learn.demo.drawing import write_photos

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows how drawn photos look."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "extractor.tflite").write_bytes(drawn_extractor())
    return Path(retrain(photos, folder / "extractor.tflite", folder / "model", seed=0).model)


@pytest.fixture
def here(trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a model, and a folder of pictures."""
    shutil.copy(trained, tmp_path / "model.tflite")
    (tmp_path / "snaps" / "sub").mkdir(parents=True)
    for number, photo in enumerate(sorted(photos.rglob("*.jpg"))[::6]):
        shutil.copy(photo, tmp_path / "snaps" / ("sub" if number % 2 else "") / photo.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(app, ["watch", *arguments])
    if isinstance(done.exception, ValueError):
        assert status == 1
    else:
        assert done.exit_code == status, done.output
    return done


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Drawn photos of classes that the model has never seen."""
    folder = tmp_path_factory.mktemp("strange")
    for _ in write_photos(folder, per_class=20, seed=8):
        pass
    return sorted([*folder.glob("starfish/*.jpg"), *folder.glob("turtle/*.jpg")])


@contextmanager
def watching(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "coral_learn", "watch", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_help_shows_commands_in_lines_of_their_own() -> None:
    text = run("--help").stdout
    assert "\n    coral-learn watch snapshots --model model/retrained_model.tflite\n" in text
    assert "the last 50 pictures" in " ".join(text.split())
    assert "\\b" not in text


def test_each_picture_is_a_line_of_json(here: Path) -> None:
    done = run("snaps", "--existing", "--count", "10", "--top-k", "2")
    found = lines(done.stdout)
    assert len(found) == 10
    for each in found:
        keys = ["time", "path", "label", "score", "classes", "familiarity"]
        assert list(each) == keys
        assert datetime.fromisoformat(each["time"].replace("Z", "+00:00")).utcoffset() is not None
        assert Path(each["path"]).is_file()
        assert each["path"].startswith("snaps")
        assert len(each["classes"]) == 2
        assert each["classes"][0].keys() == {"id", "label", "score"}
        assert (each["label"], each["score"]) == (
            each["classes"][0]["label"],
            each["classes"][0]["score"],
        )
        assert 0 < each["familiarity"] <= 1
    assert "the model is model.tflite" in done.stderr
    assert "watched 10 pictures: " in done.stderr


def test_below_the_threshold_there_is_no_label(here: Path) -> None:
    [found] = lines(run("snaps", "--existing", "--count", "1", "--threshold", "1").stdout)
    assert (found["label"], found["score"], found["classes"]) == (None, None, [])


def test_drift_is_a_line_of_its_own(here: Path, strange: list[Path]) -> None:
    (here / "strange").mkdir()
    for photo in strange:
        shutil.copy(photo, here / "strange")
    done = run("strange", "--model", "model.tflite", "--existing", "--count", "40")
    [drift] = [each for each in lines(done.stdout) if each.get("event") == "drift"]
    assert drift.keys() == {"event", "time", "state", "photos", "familiarity"}
    assert (drift["state"], drift["photos"]) == ("moved", 20)
    assert drift["familiarity"] < 0.1
    assert "the last ones look unlike those that the model was trained on" in done.stderr


def test_a_model_that_cannot_tell_drift_says_so(here: Path) -> None:
    (here / "plain.tflite").write_bytes(build_classifier(classes=4).content)
    done = run("snaps", "--model", "plain.tflite", "--existing", "--count", "1")
    assert lines(done.stdout)[0]["familiarity"] is None
    assert "drift cannot be told" in done.stderr


def test_frames_of_a_video_are_watched_until_it_ends(here: Path) -> None:
    make_video(here / "clip.mp4", 4)
    found = lines(run("clip.mp4", "--every", "2").stdout)
    assert [(each["source"], each["frame"]) for each in found] == [
        ("clip.mp4", 0),
        ("clip.mp4", 20),
    ]
    assert "path" not in found[0]


def test_the_model_must_be_clear(here: Path) -> None:
    shutil.copy("model.tflite", "other.tflite")
    assert "this folder has 2 models (model.tflite, other.tflite): choose one" in str(
        run("snaps", status=1).exception
    )
    for name in ("model.tflite", "other.tflite"):
        (here / name).unlink()
    assert "this folder has no model: choose one with --model" in str(
        run("snaps", status=1).exception
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["snaps", "--every", "2"], "--every is for cameras and videos"),
        (["0", "--existing"], "--existing is for folders"),
        (["snaps", "--name", "a"], "need --mqtt"),
    ],
)
def test_options_that_do_not_belong_together(here: Path, arguments: list[str], text: str) -> None:
    assert text in run(*arguments, status=2).output


def test_a_folder_is_watched_until_it_is_stopped(here: Path, photos: Path) -> None:
    photo = next(photos.rglob("*.jpg")).read_bytes()
    with watching("snaps") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.readline()  # the model is loaded after this
        time.sleep(1)
        for name in ("one.jpg", "sub/two.jpg"):
            with Path("snaps", name).open("wb") as file:
                for part in (photo[:1000], photo[1000:]):
                    file.write(part)
                    file.flush()
                    time.sleep(0.2)
            found = json.loads(process.stdout.readline())
            assert found["path"] == str(Path("snaps", name))
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert rest == ""
    assert process.returncode == 130
    assert "watched 2 pictures" in errors
    assert "stopped by Ctrl-C" in errors
    assert "Traceback" not in errors
    assert "skipped" not in errors


def test_a_terminal_gets_short_lines(here: Path) -> None:
    pty = pytest.importorskip("pty")
    end, terminal = pty.openpty()
    command = [sys.executable, "-m", "coral_learn", "watch", "snaps", "--existing", "--count", "2"]
    done = subprocess.run(
        command,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TERM": "dumb"},
    )
    os.close(terminal)
    with os.fdopen(end, "rb", 0) as output:
        text = output.read(10_000).decode()
    assert done.returncode == 0, done.stderr
    assert text.count("%") == 2
    assert ": snaps" not in text
    assert " snaps/" in text


def test_home_assistant_gets_what_is_seen(
    here: Path, strange: list[Path], broker: Mosquitto
) -> None:
    for photo in strange:
        shutil.copy(photo, here / "snaps")
    arguments = ("--existing", "--mqtt", f"mqtt://127.0.0.1:{broker.port}", "--name", "Test feeder")
    with watching("snaps", *arguments) as process:
        assert process.stdout is not None
        seen = [json.loads(process.stdout.readline()) for _ in range(51)]
        assert [each["state"] for each in seen if each.get("event")] == ["moved"]
        last = [each for each in seen if not each.get("event")][-1]
        for _ in range(100):
            kept = broker.kept("coral-learn/#", count=3)
            if json.loads(kept.get("coral-learn/test_feeder/state", "{}")) == last:
                break
        assert kept["coral-learn/test_feeder/drift"] == "ON"
        assert kept["coral-learn/test_feeder/availability"] == "online"
        config = broker.kept("homeassistant/#", count=4)
        options = json.loads(config["homeassistant/sensor/coral_learn_test_feeder_class/config"])
        assert options["options"] == ["crab", "fish", "jellyfish"]
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "Traceback" not in errors
    kept = broker.kept("coral-learn/test_feeder/availability", count=1)
    assert kept == {"coral-learn/test_feeder/availability": "offline"}


def test_a_broker_that_is_not_there_is_told_at_once(here: Path) -> None:
    pytest.importorskip("paho.mqtt", reason="the extra coral-learn[mqtt] is not installed")
    done = run("snaps", "--mqtt", "mqtt://127.0.0.1:9", status=1)
    assert "mqtt://127.0.0.1:9: the broker cannot be reached" in str(done.exception)
