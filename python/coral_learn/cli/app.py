"""The commands: their arguments, and which function of the package each one calls."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from ..classification import Classifier, evaluate
from ..diagnosis import doctor
from ..extraction.cache import EmbeddingCache
from ..files import write_atomically
from ..methods import Method, SgdSettings
from ..retraining import RetrainResult, retrain
from ..tflite.cut import create_embedding_extractor, list_candidates, read_embedding
from . import display
from .options import DataDir, Device, Extractor, Json, Labels, Model, Output, UseCache
from .project_commands import project_app

app = typer.Typer(
    name="coral-learn",
    help="Retrain an image classifier on your own photos, on the device it runs on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(project_app, name="project")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        display.results.print(f"coral-learn {version('coral-learn')}", highlight=False)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def _method(name: str) -> str:
    if name not in get_args(Method):
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(get_args(Method))}.")
    return name


@app.command("train")
def _train(
    data_dir: DataDir,
    extractor: Extractor,
    output: Output,
    method: Annotated[
        str,
        typer.Option(
            help="fit: the best head, found without settings; sgd: the recipe of Coral's tutorial; "
            "imprint: for a few photos.",
            callback=_method,
        ),
    ] = "fit",
    iterations: Annotated[int, typer.Option(min=1, help="Steps of sgd.")] = SgdSettings.iterations,
    learning_rate: Annotated[float, typer.Option(help="Step size of sgd.")] = (
        SgdSettings.learning_rate
    ),
    batch_size: Annotated[int, typer.Option(min=1, help="Photos in a step of sgd.")] = (
        SgdSettings.batch_size
    ),
    weight_scale: Annotated[float, typer.Option(help="Size of the first weights of sgd.")] = (
        SgdSettings.weight_scale
    ),
    val: Annotated[float, typer.Option(help="Fraction of the photos to watch training on.")] = 0.1,
    test: Annotated[float, typer.Option(help="Fraction of the photos to test on.")] = 0.1,
    seed: Annotated[
        int, typer.Option(min=0, help="Another number splits the photos another way.")
    ] = 0,
    device: Device = None,
    cache: UseCache = True,
    json: Json = False,
) -> None:
    """Retrain the last layer of a classifier on photos, then save and test the new model."""
    with display.stage_bars() as report:
        result = retrain(
            data_dir,
            extractor,
            output,
            method=method,  # type: ignore[arg-type]  # checked by _method
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
def _classify(
    model: Model,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Photos.")],
    labels: Labels = None,
    top_k: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 1,
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help='The least probability; below, "I don\'t know".'),
    ] = 0.0,
    device: Device = None,
    json: Json = False,
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
def _evaluate(
    model: Model,
    data_dir: DataDir,
    labels: Labels = None,
    device: Device = None,
    cache: UseCache = True,
    json: Json = False,
) -> None:
    """Measure how often a classifier is right on photos in class folders."""
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
def _extractor(
    classifier: Annotated[
        Path, typer.Argument(metavar="CLASSIFIER.tflite", help="Any classifier of images.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="EXTRACTOR.tflite", help="The file to write.", show_default=False),
    ] = None,
    tensor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where to cut.", show_default=False)
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the tensors where the model could be cut.")
    ] = False,
    json: Json = False,
) -> None:
    """Make an embedding extractor of a classifier, by cutting off its last layer."""
    if list_:
        display.print_candidates(list_candidates(classifier), json)
        return
    if output is None:
        raise typer.BadParameter("where to write it is missing.", param_hint="--output")
    extractor = create_embedding_extractor(classifier, tensor)
    write_atomically(output, extractor)
    display.print_extractor(output, read_embedding(extractor), json)


@app.command("doctor")
def _doctor(
    model: Annotated[
        Path | None,
        typer.Option(metavar="MODEL.tflite", help="A model to look at too.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Find out what keeps models from running, and how to mend it; exit status 1 if anything."""
    findings = doctor(model)
    if json:
        display.print_json(findings)
    else:
        display.print_findings(findings)
    raise typer.Exit(0 if findings["ok"] else 1)


@app.command("demo")
def _demo(
    output: Output = Path("coral-learn-demo"),
    json: Json = False,
) -> None:
    """Draw photos and do the whole job on them: no network, no Edge TPU, no photos needed."""
    from ..demo import demo

    with display.stage_bars() as report:
        result = demo(output, progress=report)
    _show(
        result,
        "coral-learn train YOUR_PHOTOS --extractor EXTRACTOR.tflite --output DIR",
        json,
    )


@app.command("cache")
def _cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all of it.")] = False,
) -> None:
    """Show or clear what is kept of photos seen before."""
    cache = EmbeddingCache()
    if clear:
        cache.clear()
    display.print_cache(cache.info())


def _show(result: RetrainResult, hint: str, json: bool) -> None:
    display.print_skipped(result.skipped)
    if json:
        display.print_json(result.to_json())
    else:
        display.print_retrained(result)
        display.print_hint(hint)
