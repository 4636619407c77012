"""The pages say only what is so: each row of "What goes in" has tests, and commands can be typed.

A row that is new or changed needs tests that would fail if it were not true. Then it is listed
here, word for word.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from tests.conftest import ROOT

from coral_learn.cli.app import app
from coral_learn.dataset import ImageFolder

pytestmark = pytest.mark.slow_when_emulated  # no result depends on the processor

README = ROOT / "README.md"
INPUTS = ROOT / "docs" / "reference" / "inputs.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CHANGELOG.md"]

# The pages whose options are all those of coral-learn
OUR_OPTIONS = [
    README,
    INPUTS,
    *(ROOT / "docs" / f"{page}.md" for page in ("trust", "watch", "studio")),
]

# The tests of each row; their files are below tests/.
ROWS = {
    "no extractor | the built-in one, EfficientNet-Lite0": [
        "extraction/test_builtin_extractor.py::test_it_is_taken_by_default",
    ],
    "the name of an extractor, such as `mobilenet-v1` | it is downloaded once and checked; where "
    "an Edge TPU is used, it is the compiled one": [
        "named_models/test_named_models.py::test_train_takes_a_name",
        "named_models/test_named_models.py::test_a_server_with_another_file_is_found_out",
        "named_models/test_named_models.py::test_the_compiled_model_is_taken_where_an_edge_tpu_is_used",
    ],
    "an extractor (ours, Coral's, compiled or not) | as it is": [
        "tflite/test_open_extractor.py::test_corals_models",
        "tflite/test_open_extractor.py::test_a_compiled_classifier_is_known_by_its_output_or_its_labels",
        "jobs/test_retraining.py::test_the_result_describes_the_files_and_the_accuracy",
        "cli/test_extractor_command.py::test_an_extractor_is_ready_to_use",
    ],
    "a classifier where an extractor is needed | its last layer is cut off, and a note says "
    "where; `--tensor NAME` chooses the tensor, and `--tensor auto` measures several on your "
    "photos": [
        "jobs/test_retraining.py::test_the_last_layer_of_a_classifier_is_cut_off_and_a_note_says_so",
        "cli/test_extractor_command.py::test_train_and_project_take_a_classifier_and_a_tensor",
        "cli/test_extractor_command.py::test_the_hint_and_the_measured_tensor",
        "jobs/test_tensor_choice.py::test_a_pooled_tensor_is_chosen_before_a_narrow_hidden_layer",
    ],
    "an extractor from elsewhere that ends in a linear layer | looks like logits and is cut; "
    "the note names the `--tensor` that takes it as it is": [
        "tflite/test_open_extractor.py::test_the_notes_of_a_classifier",
        "tflite/test_open_extractor.py::test_the_own_output_as_the_tensor_takes_a_model_as_it_is",
    ],
    "a classifier compiled for the Edge TPU | refused: use the CPU model that it was compiled "
    "from; a model that was retrained here is cut at its head": [
        "tflite/test_open_extractor.py::test_a_compiled_classifier_is_known_by_its_output_or_its_labels",
        "tflite/test_open_extractor.py::test_the_head_on_a_compiled_extractor_is_cut_off_on_the_fly",
    ],
    "a float input | the range comes from the metadata, or from the graph, or is measured on "
    "your photos (`train`, `evaluate`, `project`); `classify` warns; `--input-range` "
    "overrules; the results carry the range": [
        "tflite/test_input_range.py::test_arithmetic_before_the_first_layer_shows_the_range",
        "tflite/test_input_range.py::test_a_normalization_is_written_and_kept",
        "jobs/test_input_range.py::test_a_measured_range_goes_into_the_retrained_model",
        "jobs/test_input_range.py::test_a_trained_model_is_evaluated_in_its_range",
        "jobs/test_input_range.py::test_a_project_measures_the_range_with_its_second_class",
        "jobs/test_input_range.py::test_an_unknown_range_is_assumed_with_a_warning",
        "jobs/test_input_range.py::test_a_range_that_is_given_overrules_the_model",
        "jobs/test_input_range.py::test_the_commands_take_the_range",
    ],
    "gray, channels first, a batch of 8, any size | one image; `--input-size` sets the size "
    "of a model of any size (default 224)": [
        "jobs/test_input_shapes.py::test_a_model_is_trained_saved_extended_and_evaluated",
        "jobs/test_input_shapes.py::test_the_commands_take_an_input_size",
        "tflite/test_input_shape.py::test_a_model_of_any_size_gets_224_pixels_by_default",
    ],
    "two inputs, int16 activations, several subgraphs | refused, with what was found": [
        "tflite/test_input_shape.py::test_surgery_refuses_other_inputs_with_the_reason",
        "tflite/test_input_shape.py::test_int16_activations_after_a_float_input_are_refused",
        "tflite/test_input_shape.py::test_the_inputs_of_a_model_with_two_are_named",
        "tflite/test_cut.py::test_several_subgraphs_are_refused",
        "jobs/test_input_shapes.py::test_training_refuses_other_inputs_before_it_reads_photos",
    ],
    "softmax (also written out or clipped), log-softmax, logits | shown as probabilities, "
    "read and put back": [
        "jobs/test_tails.py::test_tails_of_several_logits",
        "jobs/test_tails.py::test_a_classifier_shows_the_probabilities",
    ],
    'one sigmoid, [1-p, p], one logit | two classes; one label N gives "not N" and N': [
        "jobs/test_tails.py::test_tails_of_one_logit",
        "jobs/test_tails.py::test_one_number_has_two_classes",
        "jobs/test_tails.py::test_the_labels_of_one_number_are_read_with_its_head",
    ],
    "several sigmoids | `classify` lists every label from 0.5; not read as a softmax head, "
    "but can be cut": [
        "jobs/test_tails.py::test_sigmoids_name_every_label_above_the_threshold",
        "jobs/test_tails.py::test_an_evaluation_of_sigmoids_says_what_it_counts",
    ],
    "a 1x1 convolution before the pooling (SqueezeNet, NiN) | cut to the pooled features; the "
    "head is read unless a ReLU lies between": [
        "jobs/test_tails.py::test_tails_of_several_logits",
        "jobs/test_tails.py::test_a_relu_before_the_pooling_can_be_cut_off_but_not_read",
    ],
    "averages of heads, ReLU6 before the softmax | can be cut; the head itself is refused": [
        "jobs/test_tails.py::test_a_head_that_is_no_softmax_regression_can_be_cut_off",
    ],
    "label files | `0 daisy`, `0:daisy` or one name a line, with blank lines, comments and "
    "gaps; UTF-8, UTF-16, Latin-1; `.pbtxt`, JSON, `data.yaml`; Ultralytics names inside a "
    "model": [
        "test_labels.py::test_every_line_is_parsed",
        "test_labels.py::test_every_encoding_is_read",
        "test_labels.py::test_files_of_other_tools_are_read",
        "tflite/test_metadata.py::test_names_of_ultralytics_are_read",
    ],
    "more or fewer labels than outputs | `evaluate` refuses, `classify` warns": [
        "jobs/test_class_labels.py::test_another_number_of_labels_than_outputs",
        "jobs/test_class_labels.py::test_labels_inside_a_model_are_counted_too",
    ],
    "`train/`, `val/`, `test/` with class folders | the split; a part that is missing is "
    "taken from `train/`": [
        "dataset/test_split_folders.py::test_the_parts_are_no_classes",
        "dataset/test_split_folders.py::test_names_of_the_parts",
        "jobs/test_photo_sets.py::test_a_split_of_the_folder_is_used",
        "jobs/test_photo_sets.py::test_a_part_that_is_missing_is_taken_from_training",
    ],
    "`.zip`, `.tar`, `.tar.gz`, `.tar.xz` of class folders | unpacked safely": [
        "dataset/test_archive.py::test_kinds_of_archives",
        "dataset/test_archive.py::test_names_that_lead_outside_are_refused",
        "dataset/test_archive.py::test_links_and_devices_are_not_made",
        "dataset/test_archive.py::test_bombs_are_refused",
        "jobs/test_photo_sets.py::test_an_archive_is_a_folder",
    ],
    "CSV, TSV or JSON Lines of path, label and split; Hugging Face's `metadata.csv` | "
    "classes, and the split": [
        "dataset/test_listing.py::test_forms_of_listings",
        "dataset/test_listing.py::test_a_listing_with_a_split",
        "dataset/test_split_folders.py::test_a_data_set_of_hugging_face",
    ],
    "the folders of Frigate, the samples of Teachable Machine | classes": [
        "dataset/test_folder.py::test_the_folder_of_a_model_of_frigate",
        "dataset/test_folder.py::test_the_samples_that_teachable_machine_saves",
        "dataset/test_folder.py::test_a_project_of_teachable_machine",
    ],
    "a tar file of samples, as WebDataset has them | the class is in `.cls`, `.label`, `.json` or "
    "`.txt` beside each photo": [
        "dataset/test_webdataset.py::test_the_class_is_in_the_file_beside_the_photo",
    ],
    "`s3://`, `gs://` and other addresses of photos, archives and listings; addresses in a listing "
    "| copied for training, read in place by `embed` (`pip install 'coral-learn[parquet]'`, and "
    "what fsspec needs for the store)": [
        "distributed/test_addresses.py::test_the_folders_at_an_address_are_classes",
        "distributed/test_addresses.py::test_an_archive_and_a_listing_at_an_address_are_read",
        "distributed/test_addresses.py::test_a_listing_on_this_machine_names_photos_at_addresses",
        "distributed/test_embedding.py::test_photos_at_an_address_are_embedded_where_they_are",
    ],
    "a folder that `coral-learn embed` wrote, in place of photos | its embeddings are used; those "
    "of another extractor are refused": [
        "distributed/test_learning.py::test_the_model_is_the_one_of_the_photos",
        "distributed/test_learning.py::test_an_evaluation_gives_the_answers_of_the_whole_model",
        "distributed/test_learning.py::test_another_extractor_is_refused",
        "distributed/test_learning.py::test_a_project_takes_the_photos_of_a_class",
    ],
    "videos in class folders | up to 30 frames of each (`pip install 'coral-learn[video]'`)": [
        "dataset/test_videos.py::test_about_a_frame_a_second_is_a_photo",
        "dataset/test_videos.py::test_a_long_video_gives_at_most_30_frames",
        "dataset/test_videos.py::test_without_the_extra_videos_are_counted",
        "dataset/test_videos.py::test_frames_of_a_video_are_on_one_side_of_a_split",
    ],
    "hidden folders, `__MACOSX`, `@eaDir`, `Thumbs.db` | ignored and counted": [
        "dataset/test_folder.py::test_what_is_no_photo_is_counted",
        "test_readme_table.py::test_hidden_folders_are_ignored_and_counted",
    ],
    "class names that differ in case or Unicode form only | refused, with both names": [
        "dataset/test_folder.py::test_class_names_that_look_the_same_are_refused",
    ],
    "a photo that is not in the shape of the input | stretched to it; `--resize crop` takes its "
    "center, `--resize both` learns from both views for a model that sees the center; the model "
    "remembers it": [
        "extraction/test_central_crop.py::test_the_view_equals_a_crop_and_a_resize",
        "jobs/test_resize.py::test_a_model_remembers_how_it_was_trained",
        "jobs/test_resize.py::test_the_head_is_trained_on_both_views_and_sees_the_crop",
        "jobs/test_resize.py::test_the_commands_take_the_way",
    ],
    "the same photo twice, or in two classes | counted once; skipped and named": [
        "jobs/test_photo_sets.py::test_copies_count_once",
        "jobs/test_photo_sets.py::test_a_photo_in_two_classes_is_skipped_in_both",
        "project/test_project.py::test_a_photo_is_in_one_class_only",
    ],
    "pictures of 10 to 16 bits, float TIFF | scaled by what the file says, else by their own "
    "range, with a warning": [
        "extraction/test_deep_pictures.py::test_16_bits_are_scaled_from_65535",
        "extraction/test_deep_pictures.py::test_what_the_file_says_is_used_without_a_guess",
        "extraction/test_deep_pictures.py::test_fewer_bits_in_16_are_recognized_with_a_guess",
        "extraction/test_deep_pictures.py::test_other_floats_span_their_own_range",
        "extraction/test_deep_pictures.py::test_one_warning_a_run_counts_the_pictures_and_shows_one",
    ],
    "HEIC, AVIF | `pip install 'coral-learn[heif]'`; Pillow 11.3 and later read AVIF": [
        "extraction/test_deep_pictures.py::test_avif_is_read_by_pillow",
        "extraction/test_deep_pictures.py::test_heic_is_read_by_pillow_heif",
        "extraction/test_deep_pictures.py::test_a_heif_library_that_is_missing_is_named",
    ],
}


def rows_of_inputs() -> list[str]:
    table = re.findall(r"^\| (.*) \|$", INPUTS.read_text(), re.MULTILINE)
    return [row for row in table if row != "what | how it is taken"]


def test_every_row_is_listed_here() -> None:
    assert rows_of_inputs() == list(ROWS)


@cache
def names_of_tests(file: Path) -> frozenset[str]:
    functions = ast.walk(ast.parse(file.read_text()))
    return frozenset(each.name for each in functions if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_of_a_row_exist(row: str) -> None:
    assert ROWS[row]
    for test in ROWS[row]:
        file, _, name = test.partition("::")
        assert name in names_of_tests(ROOT / "tests" / file), test


def test_hidden_folders_are_ignored_and_counted(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "b/1.jpg", ".thumbnails/1.jpg", "a/.cache/2.jpg", "@eaDir/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folder = ImageFolder(tmp_path)
    assert folder.names == ["a/1.jpg", "b/1.jpg"]
    [note] = folder.notes
    assert note.startswith("ignored 3 folders that are no photos: ")
    assert ".thumbnails" in note


def commands() -> Iterator[tuple[str, bool]]:
    """Yields the commands in the documents, and whether they are complete: in a block of code."""
    for document in DOCUMENTS:
        text = document.read_text()
        blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            _, found, arguments = line.partition("coral-learn ")
            if found and not line.startswith(("git ", "pip ")):
                yield arguments.removesuffix(" &"), True
        for span in re.findall(
            r"`coral-learn ([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S)
        ):
            yield span, False


COMMANDS = sorted(set(commands()))


def check_command(arguments: list[str], *, complete: bool) -> None:
    """Parses a command as the shell gives it, without running it."""
    command: click.Command = app
    context = click.Context(app, info_name="coral-learn")
    while isinstance(command, click.Group) and arguments:
        name, inner, arguments = command.resolve_command(context, arguments)
        assert inner is not None
        command, context = inner, click.Context(inner, parent=context, info_name=name)
    try:
        command.make_context(command.name, arguments)
    except click.MissingParameter:
        if complete:
            raise


@pytest.mark.parametrize(("text", "complete"), COMMANDS)
def test_commands_in_the_documents_can_be_typed(text: str, complete: bool) -> None:
    check_command(shlex.split(text, comments=True), complete=complete)


def test_enough_commands_are_found() -> None:
    assert sum(complete for _, complete in COMMANDS) > 10


@pytest.mark.parametrize(
    "text", ["trian photos", "train photos --extracter e", "train photos", "cache --x"]
)
def test_a_wrong_command_would_be_noticed(text: str) -> None:
    with pytest.raises(click.UsageError):
        check_command(text.split(), complete=True)


def test_options_in_the_documents_exist() -> None:
    texts = [re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL) for page in OUR_OPTIONS]
    options = set(re.findall(r"`(--[a-z-]+)[^`]*`", "\n".join(texts)))
    assert len(options) > 5
    assert options <= set(all_options(app, click.Context(app)))


def all_options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        yield from [*parameter.opts, *parameter.secondary_opts]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from all_options(inner, click.Context(inner, parent=context))
