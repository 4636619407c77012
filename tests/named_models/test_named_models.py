"""Models by name: downloaded once, checked each time, listed, and used by the commands."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.file_server import FileServer
from tests.support.stand_in.devices import StandIn

from coral_learn import EmbeddingExtractor
from coral_learn.cli.app import app
from coral_learn.errors import EdgeTpuError, ModelError
from coral_learn.jobs.model_comparison import compare_models
from coral_learn.named_models.catalog import BUILTIN_NAME, LICENSE, catalog
from coral_learn.named_models.chosen import choose_model
from coral_learn.named_models.listing import list_models
from coral_learn.named_models.speeds import add_speeds, read_speeds
from coral_learn.named_models.store import URL_VARIABLE, fetch_model, local_models, path_of

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor

EdgeTpus = Callable[..., AbstractContextManager[StandIn]]


def ignore(done: int, total: int | None) -> None:
    """No progress is shown."""


def run(*arguments: str | Path) -> str:
    """Runs a command that must succeed, and returns its standard output."""
    done = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_model_is_downloaded_once(server: FileServer, files: dict[str, bytes]) -> None:
    model = catalog()["plain"]
    path = fetch_model(model, ignore)
    assert path == path_of(model)
    assert path.read_bytes() == files["plain.tflite"]
    assert not list(path.parent.glob("*.part"))
    assert fetch_model(model, ignore) == path
    assert server.ranges == [""]


def test_a_file_that_was_brought_by_hand_is_used(
    server: FileServer, files: dict[str, bytes]
) -> None:
    path = path_of(catalog()["plain"])
    path.parent.mkdir(parents=True)
    path.write_bytes(files["plain.tflite"])
    assert fetch_model(catalog()["plain"], ignore) == path
    assert server.ranges == []


def test_another_file_is_refused_and_kept(server: FileServer) -> None:
    path = path_of(catalog()["plain"])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(ModelError, match=f"{path} is damaged or another file: delete it"):
        fetch_model(catalog()["plain"], ignore)
    assert path.read_bytes() == b"something else"


@pytest.mark.parametrize("name", ["plain", "small"])
def test_a_server_with_another_file_is_found_out(server: FileServer, name: str) -> None:
    model = catalog()[name]
    server.files[model.file] += b"x"
    with pytest.raises(ModelError, match=f"{server.url}/{model.file} is not the file that {name} "):
        fetch_model(model, ignore)
    assert not list(path_of(model).parent.glob("*tflite*"))
    assert server.ranges == [""]


def test_the_sha256_counts_where_it_is_known(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHA-1, which git's id is, can be forged."""
    small = catalog()["small"]
    forged = small._replace(sha256="0" * 64)
    with pytest.raises(ModelError, match="its hash differs"):
        fetch_model(forged, ignore)


def test_a_wrong_beginning_is_downloaded_again(server: FileServer, files: dict[str, bytes]) -> None:
    path = path_of(catalog()["plain"])
    path.parent.mkdir(parents=True)
    (path.parent / "plain.tflite.part").write_bytes(b"x" * 50)
    assert fetch_model(catalog()["plain"], ignore).read_bytes() == files["plain.tflite"]
    assert server.ranges == ["bytes=50-", ""]


def test_without_a_network_the_way_out_is_told_in_one_line(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:1/mirror/")
    with pytest.raises(OSError, match="plain cannot be downloaded") as error:
        fetch_model(catalog()["plain"], ignore)
    assert str(error.value) == (
        "plain cannot be downloaded: the server cannot be reached (Connection refused). Or get "
        f"http://127.0.0.1:1/mirror/plain.tflite elsewhere, and put it into "
        f"{path_of(catalog()['plain']).parent}"
    )


def test_two_at_once_download_once(server: FileServer, files: dict[str, bytes]) -> None:
    server.silence = 0.2
    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda: paths.append(fetch_model(catalog()["plain"], ignore)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() for path in paths] == [files["plain.tflite"]] * 2
    assert server.ranges == [""]


def test_a_path_is_a_path(server: FileServer, tmp_path: Path) -> None:
    for given in (None, Path("missing.tflite"), Path("folder/plain"), tmp_path):
        assert choose_model(given, None, ignore).path == given
    assert choose_model(Path(BUILTIN_NAME), None, ignore).path is None
    assert server.ranges == []


def test_a_file_of_that_name_comes_first(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain").write_bytes(b"mine")
    assert choose_model(Path("plain"), None, ignore).path == Path("plain")


def test_the_compiled_model_is_taken_where_an_edge_tpu_is_used(
    server: FileServer, edge_tpus: EdgeTpus
) -> None:
    def chosen(name: str, device: str | None) -> str:
        path = choose_model(Path(name), device, ignore).path
        assert path is not None
        return path.name

    assert chosen("small", "usb") == "small_edgetpu.tflite"
    with edge_tpus(None, []):
        assert chosen("small", None) == "small.tflite"
        assert chosen("small-edgetpu", None) == "small_edgetpu.tflite"
    with edge_tpus(None, ["usb"]):
        assert chosen("small", None) == "small_edgetpu.tflite"
        assert chosen("small-edgetpu", None) == "small_edgetpu.tflite"
        assert chosen("small", "cpu") == "small.tflite"


def test_a_model_that_is_not_compiled_runs_on_the_cpu_and_says_so(
    server: FileServer, edge_tpus: EdgeTpus
) -> None:
    with edge_tpus(None, ["usb"]):
        chosen = choose_model(Path("plain"), None, ignore)
        assert chosen.path == path_of(catalog()["plain"])
        assert "Coral has no extractor plain that is compiled" in chosen.notes[0]
        with pytest.raises(ModelError, match=r"no extractor plain .* choose one of small, or the"):
            choose_model(Path("plain"), "usb", ignore)


def test_a_compiled_model_cannot_run_on_the_cpu(server: FileServer, photos: Path) -> None:
    path = choose_model(Path("small-edgetpu"), "cpu", ignore).path
    assert path is not None
    with pytest.raises(EdgeTpuError, match="compiled for the Edge TPU and cannot run"):
        EmbeddingExtractor(path, device="cpu")


def test_the_list_says_what_is_here(server: FileServer, files: dict[str, bytes]) -> None:
    fetch_model(catalog()["small"], ignore)
    add_speeds({"small": 1.5})
    add_speeds({BUILTIN_NAME: 9.0})
    listed = {model.name: model for model in list_models()}
    assert list(listed) == [BUILTIN_NAME, "plain", "small", "small-edgetpu"]
    assert listed[BUILTIN_NAME].built_in
    assert listed[BUILTIN_NAME].milliseconds == 9.0
    assert listed["small"].path == path_of(catalog()["small"])
    assert listed["small"].bytes == len(files["small.tflite"])
    assert listed["small"].milliseconds == 1.5
    assert (listed["plain"].path, listed["plain"].bytes) == (None, None)
    assert listed["plain"].milliseconds is None
    assert listed["small-edgetpu"].edge_tpu
    assert {model.license for model in listed.values()} == {LICENSE}
    assert server.ranges == [""]  # listing downloads nothing


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": "b"}', "[" * 100_000])
def test_a_damaged_file_of_speeds_is_measured_again(server: FileServer, text: str) -> None:
    add_speeds({"small": 1.0})
    (path_of(catalog()["small"]).parent / "speeds.json").write_text(text)
    assert read_speeds() == {}
    add_speeds({"small": 2.0})
    assert read_speeds() == {"small": 2.0}


def test_train_takes_a_name(server: FileServer, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("train", photos, "--extractor", "plain", "--output", out)
    again = tmp_path / "again"
    run("train", photos, "--extractor", path_of(catalog()["plain"]), "--output", again)
    name = "retrained_model.tflite"
    assert (out / name).read_bytes() == (again / name).read_bytes()
    run("project", "create", tmp_path / "project", "--extractor", "plain")
    assert server.ranges == [""]


def test_train_alone_downloads_nothing(server: FileServer, photos: Path, tmp_path: Path) -> None:
    run("train", photos, "--output", tmp_path / "out")
    assert server.ranges == []
    assert list(local_models()) == [BUILTIN_NAME]


def test_models_downloads_and_compares(server: FileServer, photos: Path) -> None:
    downloaded = run("models", "--download", "small", "--download", "small-edgetpu", "--json")
    assert [each["name"] for each in json.loads(downloaded) if each["path"]] == [
        BUILTIN_NAME, "small", "small-edgetpu",
    ]  # fmt: skip
    found = json.loads(run("models", "--compare", photos, "--device", "cpu", "--json"))
    assert found["images"] == 60
    assert {each["name"] for each in found["models"]} == {BUILTIN_NAME, "small"}
    assert found["left_out"] == {
        "small-edgetpu": "it is compiled for the Edge TPU, and none is used"
    }
    best = found["models"][0]
    assert best["name"] == BUILTIN_NAME
    assert best["accuracy"] > 0.8
    assert best["interval"][0] < best["accuracy"] <= best["interval"][1]
    assert best["features"] == 1280
    assert best["milliseconds"] > 0
    assert read_speeds() == {each["name"]: each["milliseconds"] for each in found["models"]}
    table = run("models", "--compare", photos)
    assert "Accuracy by cross-validation on 60 photos of 3 classes" in table
    assert f"--extractor {BUILTIN_NAME}" in table


def test_on_an_edge_tpu_only_compiled_models_are_compared(server: FileServer, photos: Path) -> None:
    fetch_model(catalog()["small"], ignore)
    with pytest.raises(ModelError) as error:
        compare_models(photos, device="usb")
    assert str(error.value) == (
        "none of the models that are here can be compared: efficientnet-lite0: it is not compiled "
        "for the Edge TPU; small: it is not compiled for the Edge TPU"
    )


def test_a_compiled_model_is_compared_on_the_edge_tpu(
    server: FileServer, files: dict[str, bytes], photos: Path, edge_tpus: EdgeTpus
) -> None:
    for name in ("small", "small-edgetpu"):
        fetch_model(catalog()[name], ignore)
    with edge_tpus(files["small.tflite"], ["usb"]):
        compared = {model.name: model for model in compare_models(photos).models}
    assert compared["small-edgetpu"].accuracy == compared["small"].accuracy
    assert compared["small"].device == "cpu"
    assert compared["small-edgetpu"].device == "edgetpu"


def test_a_comparison_whose_times_cannot_be_kept_is_still_shown(
    server: FileServer, photos: Path, cache: Path
) -> None:
    cache.mkdir()
    (cache / "models").write_text("a file in the place of the folder")
    with pytest.warns(UserWarning, match="the times cannot be kept"):
        assert compare_models(photos).images == 60


def test_a_damaged_model_is_left_out_of_a_comparison(server: FileServer, photos: Path) -> None:
    path = path_of(catalog()["plain"])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    found = json.loads(run("models", "--compare", photos, "--json"))
    assert "is damaged or another file" in found["left_out"]["plain"]
    assert [each["name"] for each in found["models"]] == [BUILTIN_NAME]


def test_the_list_fits_a_terminal_of_80_columns(server: FileServer) -> None:
    table = run("models").split("\n\n")[0]
    assert "small-edgetpu" in table
    assert max(map(len, table.splitlines())) <= 80


def test_all_names_are_checked_before_a_download(server: FileServer) -> None:
    with pytest.raises(ModelError, match="did you mean plain"):
        CliRunner().invoke(
            app, ["models", "--download", "small", "--download", "plan"], catch_exceptions=False
        )
    assert server.ranges == []
