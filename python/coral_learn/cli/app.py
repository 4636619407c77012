"""The commands: their arguments, and which function of the package each one calls."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click

from ..edgetpu.doctor import doctor
from ..extraction.cache import EmbeddingCache
from ..files import write_atomically
from ..jobs.classification import Classifier, evaluate
from ..jobs.methods import Method, SgdSettings
from ..jobs.retraining import RetrainResult, retrain
from ..tflite.cut import create_embedding_extractor, list_candidates, read_embedding
from . import display
from .options import (
    PATH,
    cache_option,
    data_dir_argument,
    device_option,
    extractor_option,
    json_option,
    labels_option,
    model_argument,
    output_option,
)
from .project_commands import project_app


@click.group(
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    }
)
@click.version_option(package_name="coral-learn", message="%(prog)s %(version)s")
def app() -> None:
    """Retrain an image classifier on your own photos, on the device it runs on."""


app.add_command(project_app)


@app.command("train")
@data_dir_argument
@extractor_option
@output_option
@click.option(
    "--method",
    type=click.Choice(get_args(Method)),
    default="fit",
    help="fit: the best head, found without settings; sgd: the recipe of Coral's tutorial; "
    "imprint: for a few photos.",
)
@click.option(
    "--iterations",
    type=click.IntRange(min=1),
    metavar="N",
    default=SgdSettings.iterations,
    help="Steps of sgd.",
)
@click.option(
    "--learning-rate", metavar="X", default=SgdSettings.learning_rate, help="Step size of sgd."
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    default=SgdSettings.batch_size,
    help="Photos in a step of sgd.",
)
@click.option(
    "--weight-scale",
    metavar="X",
    default=SgdSettings.weight_scale,
    help="Size of the first weights of sgd.",
)
@click.option(
    "--val", metavar="X", default=0.1, help="Fraction of the photos to watch training on."
)
@click.option("--test", metavar="X", default=0.1, help="Fraction of the photos to test on.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    help="Another number splits the photos another way.",
)
@device_option
@cache_option
@json_option
def _train(
    data_dir: Path,
    extractor: Path,
    output: Path,
    method: Method,
    iterations: int,
    learning_rate: float,
    batch_size: int,
    weight_scale: float,
    val: float,
    test: float,
    seed: int,
    device: str | None,
    cache: bool,
    json: bool,
) -> None:
    """Retrain a classifier on photos.

    Trains its last layer anew, then saves and tests the new model.

    DATA_DIR holds a folder of photos for each class.
    """
    with display.stage_bars() as report:
        result = retrain(
            data_dir,
            extractor,
            output,
            method=method,
            sgd=SgdSettings(iterations, learning_rate, batch_size, weight_scale),
            validation=val,
            test=test,
            seed=seed,
            device=device,
            cache=EmbeddingCache() if cache else None,
            progress=report,
        )
    _show(result, f"coral-learn classify {result.model} PHOTO.jpg", json)


@app.command("classify")
@model_argument
@click.argument("images", type=PATH, metavar="IMAGE...", nargs=-1, required=True)
@labels_option
@click.option(
    "--top-k", type=click.IntRange(min=1), metavar="N", default=1, help="How many classes to name."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="X",
    default=0.0,
    help='The least probability; below, "I don\'t know".',
)
@device_option
@json_option
def _classify(
    model: Path,
    images: Sequence[Path],
    labels: Path | None,
    top_k: int,
    threshold: float,
    device: str | None,
    json: bool,
) -> None:
    """Say which class photos show."""
    unread: list[tuple[str, str]] = []
    with Classifier(model, labels=labels, device=device) as classifier:
        answers = classifier.classify(
            images,
            top_k=top_k,
            threshold=threshold,
            on_error=lambda index, error: unread.append((str(images[index]), str(error))),
        )
    failed = {path for path, _ in unread}
    answered = [str(image) for image in images if str(image) not in failed]
    if json:
        display.print_json(
            [
                {"image": image, "results": [vars(answer) for answer in classes]}
                for image, classes in zip(answered, answers, strict=True)
            ]
        )
    else:
        for image, classes in zip(answered, answers, strict=True):
            display.print_classes(image, classes)
    if unread:
        raise ValueError("; ".join(reason for _, reason in unread))


@app.command("evaluate")
@model_argument
@data_dir_argument
@labels_option
@device_option
@cache_option
@json_option
def _evaluate(
    model: Path,
    data_dir: Path,
    labels: Path | None,
    device: str | None,
    cache: bool,
    json: bool,
) -> None:
    """Measure how often a classifier is right.

    DATA_DIR holds a folder of photos for each class.
    """
    evaluation = evaluate(
        model,
        data_dir,
        labels=labels,
        device=device,
        cache=EmbeddingCache() if cache else None,
        progress=not json,
    )
    display.print_skipped(evaluation.skipped)
    if json:
        display.print_json(evaluation.to_json())
    else:
        display.print_evaluation(evaluation)


@app.command("extractor")
@click.argument("classifier", type=PATH, metavar="CLASSIFIER.tflite")
@click.option("--output", type=PATH, metavar="EXTRACTOR.tflite", help="The file to write.")
@click.option("--tensor", metavar="NAME", help="Where to cut.")
@click.option(
    "--list", "list_", is_flag=True, help="List the tensors where the model could be cut."
)
@json_option
def _extractor(
    classifier: Path, output: Path | None, tensor: str | None, list_: bool, json: bool
) -> None:
    """Make an embedding extractor of a classifier.

    Any classifier of images will do; its last layer is cut off.
    """
    if list_:
        display.print_candidates(list_candidates(classifier), json)
        return
    if output is None:
        raise click.UsageError("Missing option '--output': where to write the extractor.")
    extractor = create_embedding_extractor(classifier, tensor)
    write_atomically(output, extractor)
    display.print_extractor(output, read_embedding(extractor), json)


@app.command("doctor")
@click.option("--model", type=PATH, metavar="MODEL.tflite", help="A model to look at too.")
@json_option
def _doctor(model: Path | None, json: bool) -> None:
    """Find out what keeps models from running.

    Tells how to mend it, and ends with exit status 1 if there is anything.
    """
    findings = doctor(model).to_json()
    if json:
        display.print_json(findings)
    else:
        display.print_findings(findings)
    sys.exit(0 if findings["ok"] else 1)


@app.command("demo")
@click.option(
    "--output",
    type=PATH,
    default="coral-learn-demo",
    metavar="DIR",
    help="The folder for the results.",
)
@json_option
def _demo(output: Path, json: bool) -> None:
    """Do the whole job on drawn photos.

    No network, no Edge TPU and no photos are needed.
    """
    from ..demo.run import demo

    with display.stage_bars() as report:
        result = demo(output, progress=report)
    _show(
        result,
        "coral-learn train YOUR_PHOTOS --extractor EXTRACTOR.tflite --output DIR",
        json,
    )


@app.command("cache")
@click.option("--clear", is_flag=True, help="Delete all of it.")
@json_option
def _cache(clear: bool, json: bool) -> None:
    """Show or clear what is kept of photos seen before."""
    cache = EmbeddingCache()
    if clear:
        cache.clear()
    info = cache.info()
    if json:
        display.print_json({**vars(info), "path": str(info.path)})
    else:
        display.print_cache(info)


def _show(result: RetrainResult, hint: str, json: bool) -> None:
    display.print_skipped(result.skipped)
    if json:
        display.print_json(result.to_json())
    else:
        display.print_retrained(result)
        display.print_hint(hint)
