"""The folder that the pages of the documentation speak of: photos, models, and programs."""

import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image
from tests.conftest import ROOT
from tests.support.drawn_extractor import drawn_extractor
from tests.support.model_builder import build_classifier

from coral_learn import retrain
from coral_learn.demo.drawing import draw_photo
from coral_learn.jobs.embedding.run import embed

_ANIMALS = {"daisy": "crab", "roses": "fish", "tulips": "starfish"}
_BIRDS = {"none": "jellyfish", "robin": "fish", "sparrow": "turtle"}
_PHOTOS_PER_CLASS = 12
# A script for pycoral.
_SCRIPT = """
import sys
from pycoral.utils.edgetpu import list_edge_tpus
print(len(list_edge_tpus()), sys.argv[1:])
"""


def make_folder(folder: Path) -> Path:
    """Makes it; what pages write stays in copies of it."""
    for label, (name, animal) in enumerate(_ANIMALS.items()):
        for number in range(_PHOTOS_PER_CLASS):
            _draw(folder / "photos" / name / f"{number}.jpg", animal, label, number)
        for number in range(4):
            _draw(folder / "test_photos" / name / f"{number}.jpg", animal, label, 200 + number)
        for number in range(3):
            _draw(folder / "new" / f"{name}{number}.jpg", animal, label, 100 + number)
    for label, (name, animal) in enumerate(_BIRDS.items()):
        for number in range(_PHOTOS_PER_CLASS):
            _draw(folder / "birds" / name / f"{number}.jpg", animal, 20 + label, number)
    for number in range(6):
        _draw(folder / "other_photos" / f"{number}.jpg", "turtle", 7, number)
    shutil.copytree(folder / "photos", folder / "flower_photos")
    shutil.copytree(folder / "new", folder / "snapshots")
    for name in ("photo.jpg", "some_photo.jpg"):
        shutil.copyfile(folder / "new" / "roses1.jpg", folder / name)
    (folder / "extractor.tflite").write_bytes(drawn_extractor())
    classifier = build_classifier("uint8", size=(32, 32)).content
    (folder / "my_classifier.tflite").write_bytes(classifier)
    (folder / "labels.txt").write_text("0 daisy\n1 lilies\n2 roses\n3 tulips\n")
    (folder / "your_script.py").write_text(_SCRIPT)
    _write_samples(folder)
    _write_clip(folder / "clip.mp4", sorted((folder / "new").iterdir()))
    retrain(folder / "photos", None, folder / "retrained")
    if find_spec("pyarrow") is not None:
        embed(folder / "photos", folder / "extractor.tflite", folder / "embedded")
    _write_programs(folder / "bin")
    return folder


def _draw(path: Path, animal: str, *seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_photo(animal, np.random.default_rng(seed)).save(path)


def _write_samples(folder: Path) -> None:
    """Writes the samples of classes, and a project, as Teachable Machine saves them."""
    (folder / "samples").mkdir()
    with ZipFile(folder / "project.tm", "w") as project:
        project.writestr("manifest.json", "{}")
        for name in _ANIMALS:
            with ZipFile(folder / "samples" / f"{name}-samples.zip", "w") as samples:
                for number, photo in enumerate(sorted((folder / "photos" / name).iterdir())):
                    samples.write(photo, f"{number}.jpg")
                    project.write(photo, f"{name}-!-{number}.jpg")


def _write_clip(path: Path, pictures: Sequence[Path]) -> None:
    """Writes a video with a picture a second; none where the extra is missing."""
    try:
        import av
    except ImportError:
        return
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 160
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            with Image.open(picture) as image:
                film.mux(stream.encode(av.VideoFrame.from_image(image)))
        film.mux(stream.encode())


def _write_programs(folder: Path) -> None:
    """Writes the programs that the pages call.

    pip does not install anything, because the tests have no network: it only checks that the
    package has the extra that the page names.
    """
    programs = {
        "coral-learn": f'exec "{sys.executable}" -m coral_learn "$@"',
        "python": f'exec "{sys.executable}" "$@"',
        "pip": f'exec "{sys.executable}" "{ROOT}/tests/support/checked_pip.py" "$@"',
    }
    folder.mkdir()
    for name, line in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
