"""Photos to Parquet: what is written, and what a rerun does."""

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.model_builder import build_extractor

from coral_learn import EmbeddingExtractor, ImageFolder
from coral_learn.embedded.folder import EmbeddedFolder, is_embedded
from coral_learn.embedded.format import METADATA_KEY
from coral_learn.extraction.embedded_rows import EmbeddedRow
from coral_learn.jobs.embedding import engines, run
from coral_learn.jobs.embedding.run import embed
from coral_learn.jobs.engines import EngineOptions

pq = pytest.importorskip(
    "pyarrow.parquet", reason="the extra coral-learn[parquet] is not installed"
)


@pytest.fixture
def few(photos: Path, tmp_path: Path) -> Path:
    """A copy of some photos, to be changed."""
    for name in ("crab", "fish"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for path in sorted((photos / name).iterdir())[:4]:
            shutil.copy(path, tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_the_rows_are_the_photos_with_their_embeddings(
    photos: Path, embedded: Path, extractor: Path
) -> None:
    folder = ImageFolder(photos)
    with EmbeddingExtractor(extractor) as model:
        expected = model.extract_readable(folder.paths)
    rows = EmbeddedFolder(embedded).read()
    assert rows.paths == list(map(str, folder.paths))
    assert rows.labels == [folder.classes[label] for label in folder.labels]
    assert rows.digests == expected.digests
    assert rows.splits == [None] * len(folder)
    assert np.array_equal(rows.embeddings.quantized, expected.rows.quantized)
    assert rows.embeddings.quantized.dtype == np.uint8
    assert rows.embeddings.scale == expected.rows.scale
    assert rows.embeddings.zero_point == expected.rows.zero_point


def test_any_program_can_read_the_columns(embedded: Path) -> None:
    table = pq.read_table(embedded / "part-00000.parquet")
    assert table.column_names == [
        *("path", "label", "split", "sha256", "extractor_sha256"),
        *("size", "version", "embedding"),
    ]
    rows = np.stack([np.frombuffer(row, np.uint8) for row in table["embedding"].to_pylist()])
    assert np.array_equal(rows, EmbeddedFolder(embedded).read().embeddings.quantized)


def test_the_split_of_the_source_is_kept(photos: Path, extractor: Path, tmp_path: Path) -> None:
    lines = ["path,label,split"]
    for name in ("crab", "fish"):
        for path, part in zip(sorted((photos / name).iterdir()), ("train", "val", "test")):  # noqa: B905
            lines.append(f"{path},{name},{part}")
    (tmp_path / "photos.csv").write_text("\n".join(lines))
    embed(tmp_path / "photos.csv", extractor, tmp_path / "out")
    assert EmbeddedFolder(tmp_path / "out").read().splits == ["train", "validation", "test"] * 2


def test_a_rerun_looks_only_at_what_is_missing(few: Path, extractor: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert embed(few, extractor, output).embedded == 8
    before = (output / "part-00000.parquet").read_bytes()
    assert embed(few, extractor, output).embedded == 0
    assert (output / "part-00000.parquet").read_bytes() == before
    shutil.copy(few / "crab" / "crab_001.jpg", few / "crab" / "new.jpg")
    found = embed(few, extractor, output)
    assert (found.embedded, found.photos, found.classes) == (1, 9, {"crab": 5, "fish": 4})
    assert (output / "part-00000.parquet").read_bytes() == before


def test_a_photo_that_changed_or_is_gone_loses_its_row(
    few: Path, extractor: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    embed(few, extractor, output)
    changed, gone = few / "crab" / "crab_001.jpg", few / "fish" / "fish_001.jpg"
    shutil.copy(few / "fish" / "fish_002.jpg", changed)
    gone.unlink()
    found = embed(few, extractor, output)
    assert (found.embedded, found.removed, found.photos) == (1, 1, 7)
    assert "1 row removed" in found.notes[-1]
    rows = EmbeddedFolder(output).read()
    digest_of = dict(zip(rows.paths, rows.digests, strict=True))
    assert digest_of[str(changed)] == digest_of[str(few / "fish" / "fish_002.jpg")]
    assert str(gone) not in digest_of


def test_a_broken_photo_is_named_and_left_out(few: Path, extractor: Path, tmp_path: Path) -> None:
    broken = few / "crab" / "broken.jpg"
    broken.write_bytes(b"no photo")
    found = embed(few, extractor, tmp_path / "out")
    assert [photo.path for photo in found.skipped] == [str(broken)]
    assert (found.photos, found.embedded) == (8, 8)
    for path in few.rglob("*.jpg"):
        path.write_bytes(b"no photo")
    with pytest.raises(ValueError, match=r"none of the 9 photos .* could be read"):
        embed(few, extractor, tmp_path / "other")


def test_what_was_done_before_an_interruption_is_kept(
    few: Path, extractor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(BaseException):
        pass

    real = engines.open_engine

    def interrupted(*arguments: Any) -> Any:
        opened = real(*arguments)

        def some(photos: Any) -> Generator[EmbeddedRow, None, None]:
            for row in opened.run(photos):
                if row.number == 5:
                    raise Interrupted
                yield row

        return opened._replace(run=some)

    monkeypatch.setattr(run, "open_engine", interrupted)
    with pytest.raises(Interrupted):
        embed(few, extractor, tmp_path / "out")
    monkeypatch.undo()
    assert len(EmbeddedFolder(tmp_path / "out")) == 5
    found = embed(few, extractor, tmp_path / "out")
    assert (found.embedded, found.photos) == (3, 8)
    parts = sorted(path.name for path in (tmp_path / "out").glob("part-*"))
    assert parts == ["part-00000.parquet", "part-00001.parquet"]


def test_a_folder_of_another_run_is_left_as_it_is(
    few: Path, extractor: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    embed(few, extractor, output)
    other = tmp_path / "other.tflite"
    other.write_bytes(build_extractor().content)
    with pytest.raises(ValueError, match=r"and other\.tflite .* is another extractor"):
        embed(few, other, output)
    with pytest.raises(ValueError, match="was made with --resize squash, not crop"):
        embed(few, extractor, output, resize="crop")
    moved = few.rename(tmp_path / "moved")
    with pytest.raises(ValueError, match=f"has the photos of {few}, not of {moved}"):
        embed(moved, extractor, output)
    assert len(EmbeddedFolder(output)) == 8


def test_photos_at_an_address_are_embedded_where_they_are(
    few: Path, extractor: Path, tmp_path: Path
) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.put(str(few), "/few", recursive=True)
    try:
        found = embed("memory://few", extractor, tmp_path / "out")
        assert (found.photos, found.skipped) == (8, [])
        rows = EmbeddedFolder(tmp_path / "out").read()
        assert rows.paths[0] == "memory://few/crab/crab_000.jpg"
        assert embed("memory://few", extractor, tmp_path / "out").embedded == 0
        store.rm("/few/crab/crab_001.jpg")
        assert embed("memory://few", extractor, tmp_path / "out").removed == 1
    finally:
        store.store.clear()


def test_a_run_that_embeds_nothing_leaves_nothing(
    few: Path, extractor: Path, tmp_path: Path
) -> None:
    nowhere = EngineOptions("ray", address="127.0.0.1:1")
    with pytest.raises(ValueError, match=r"there is no Ray cluster at 127\.0\.0\.1:1 "):
        embed(few, extractor, tmp_path / "new" / "out", options=nowhere)
    assert not (tmp_path / "new").exists()
    (tmp_path / "own").mkdir()
    for photo in few.rglob("*.jpg"):
        photo.write_bytes(b"no photo")
    with pytest.raises(ValueError, match="none of the 8 photos"):
        embed(few, extractor, tmp_path / "own" / "out")
    assert list((tmp_path / "own").iterdir()) == []


def test_an_address_without_a_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="--address is that of a Ray cluster"):
        EngineOptions(address="auto")


@pytest.mark.parametrize("content", [b"no Parquet", None])
def test_a_damaged_file_is_named(embedded: Path, tmp_path: Path, content: bytes | None) -> None:
    part = tmp_path / "part-00000.parquet"
    part.write_bytes(content or (embedded / part.name).read_bytes()[:-20])
    with pytest.raises(ValueError, match="is damaged, or no Parquet file") as caught:
        EmbeddedFolder(tmp_path)
    assert str(part) in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dtype": "int64"}, "its embeddings are 'int64'"),
        ({"features": 10**12}, "features"),
        ({"features": 7}, "other columns"),
        ({"scale": -1.0}, "scale must be positive"),
        ({"zero_point": 999}, "outside the range"),
        ({"extractor": "xyz"}, "hexadecimal"),
        ({"source": 3}, "is damaged"),
        ({"more": 3}, "is damaged"),
        ({"version": 2}, "it has the version 2"),
        (None, "`coral-learn embed` did not write it"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused(
    embedded: Path, tmp_path: Path, changed: dict[str, Any] | None, message: str
) -> None:
    table = pq.read_table(embedded / "part-00000.parquet")
    description = json.loads(table.schema.metadata[METADATA_KEY])
    metadata = {} if changed is None else {METADATA_KEY: json.dumps(description | changed)}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "part-00000.parquet")
    with pytest.raises(ValueError, match=message):
        EmbeddedFolder(tmp_path)


def test_only_numbered_parts_are_looked_at(embedded: Path, tmp_path: Path) -> None:
    (tmp_path / "other.parquet").write_bytes(b"of somebody else")
    assert not is_embedded(tmp_path)
    with pytest.raises(ValueError, match="has no embeddings"):
        EmbeddedFolder(tmp_path)
    for name in ("part-00000.parquet", "part-00001.parquet"):
        shutil.copy(embedded / "part-00000.parquet", tmp_path / name)
    with pytest.raises(ValueError, match="60 rows twice"):
        EmbeddedFolder(tmp_path).read()
