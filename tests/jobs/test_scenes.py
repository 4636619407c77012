"""Photos of one scene in a retraining: real ones, of which there are copies with small changes."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from coral_learn import retrain

pytestmark = pytest.mark.slow_when_emulated

PHOTOS = 12  # of each class


@pytest.fixture
def bursts(data_dir: Path, tmp_path: Path) -> Path:
    """A folder of flowers, each of them three times."""
    for folder in sorted((data_dir / "flowers").iterdir())[:3]:
        (tmp_path / "photos" / folder.name).mkdir(parents=True)
        for number, path in enumerate(sorted(folder.iterdir())[:PHOTOS]):
            photo = Image.open(path).convert("RGB")
            inner = photo.crop((5, 5, photo.width - 5, photo.height - 5))
            brighter = ImageEnhance.Brightness(photo).enhance(1.15)
            for name, each in (("a", photo), ("b", inner), ("c", brighter)):
                each.save(tmp_path / "photos" / folder.name / f"{number}-{name}.png")
    return tmp_path / "photos"


def test_photos_of_one_scene_are_tested_together(
    bursts: Path, data_dir: Path, tmp_path: Path
) -> None:
    extractor = data_dir / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    result = retrain(bursts, extractor, tmp_path / "out")
    [note] = [each for each in result.notes if "show the scene of another one" in each]
    assert int(note.split()[0]) >= 0.9 * 9 * PHOTOS
    with (tmp_path / "out" / "photos.csv").open(newline="") as file:
        part_of = {row["path"]: row["split"] for row in csv.DictReader(file)}
    apart = [
        path
        for path, part in part_of.items()
        if part_of[path.rpartition("-")[0] + "-a.png"] != part
    ]
    assert len(apart) <= 0.1 * len(part_of)
    validated = result.accuracy.cross_validated
    assert validated is not None
    assert validated.photos == 9 * PHOTOS
    low, high = validated.interval
    assert high - low > 0.1  # that of 36 scenes
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert facts["summary"]["Scenes"] == note
