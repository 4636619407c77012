"""The command ``coral-learn watch``: classifying pictures as they come."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from .options import (
    PATH,
    Number,
    WholeNumber,
    device_option,
    input_range_option,
    input_size_option,
    labels_option,
    top_k_option,
    view_option,
)

if TYPE_CHECKING:
    from ..jobs.classification import Classifier
    from ..jobs.watch.publishing import Publisher
    from ..jobs.watch.run import Watch
    from ..tflite.normalization import Normalization
    from ..tflite.resizing import View


@click.command("watch")
@click.argument("source", metavar="FOLDER|CAMERA")
@click.option(
    "--model",
    type=PATH,
    metavar="MODEL.tflite",
    help="Classifier to use. By default the only .tflite file in the current folder.",
)
@labels_option
@click.option(
    "--every",
    type=Number(0, 86400),
    metavar="SECONDS",
    default=1.0,
    help="Time from one frame of a camera or a video to the next one.",
)
@click.option(
    "--existing", is_flag=True, help="Classify the pictures that are in the folder already, too."
)
@click.option(
    "--count", type=WholeNumber(min=1), metavar="N", help="End after this number of pictures."
)
@top_k_option
@click.option(
    "--threshold",
    type=Number(0, 1),
    metavar="X",
    help="Lowest probability of a class to name, as for classify; by default that of the model.",
)
@click.option(
    "--mqtt",
    metavar="mqtt://USER@HOST:PORT",
    help="Send what is seen to this MQTT broker too, where Home Assistant finds it as a device; "
    "mqtts:// uses TLS. The password is in the environment variable CORAL_LEARN_MQTT_PASSWORD.",
)
@click.option(
    "--mqtt-password-file",
    type=PATH,
    metavar="FILE",
    help="File whose first line is the password of the broker.",
)
@click.option(
    "--name",
    metavar="NAME",
    default="coral-learn",
    help="Name of the device in Home Assistant, and of its topics. Each watch needs its own.",
)
@input_size_option
@input_range_option
@view_option
@device_option
@click.option(
    "--json",
    is_flag=True,
    help="Print a line of JSON for each picture. This is the default unless the output is a "
    "terminal.",
)
@click.pass_context
def watch_command(
    context: click.Context,
    source: str,
    model: Path | None,
    labels: Path | None,
    every: float,
    existing: bool,
    count: int | None,
    top_k: int,
    threshold: float | None,
    mqtt: str | None,
    mqtt_password_file: Path | None,
    name: str,
    input_size: tuple[int, int] | None,
    input_range: Normalization | None,
    resize: View | None,
    device: str | None,
    json: bool,
) -> None:
    """Classify pictures as they come, and tell when they look unlike the training.

    Waits for new pictures in FOLDER and the folders in it, or takes frames of CAMERA: its number,
    its device, its URL (rtsp://, http://), picamera2, or a video. Ctrl-C ends it.

    \b
      coral-learn watch snapshots --model model/retrained_model.tflite
      coral-learn watch 0 --model model/retrained_model.tflite --every 5

    If the model knows how its training photos look, which every model of this version of train
    does, each picture gets a familiarity from 0 to 1, and drift is told: the last 50 pictures (at
    the start, at least 20) look unlike the training photos when they are taken together.
    """  # noqa: D301 (Click needs the control character, to keep the lines)
    from ..jobs.classification import Classifier
    from ..jobs.watch.run import Watch, model_in_folder
    from ..jobs.watch.sources import is_folder, open_source
    from . import display

    _check_options(context, source_is_folder=is_folder(source), mqtt=mqtt)
    if model is None:
        model = model_in_folder()
        display.print_note("note", f"the model is {model}")
    with ExitStack() as stack:
        classifier = stack.enter_context(
            Classifier(
                model,
                labels=labels,
                device=device,
                input_size=input_size,
                normalization=input_range,
                resize=resize,
            )
        )
        pictures = stack.enter_context(closing(open_source(source, every=every, existing=existing)))
        watch = Watch(pictures, classifier, top_k=top_k, threshold=threshold)
        publisher = None
        if mqtt is not None:
            publisher = stack.enter_context(
                _publisher(mqtt, mqtt_password_file, name, classifier, watch)
            )
        if not watch.can_tell_drift:
            display.print_note(
                "note",
                "drift cannot be told: the model knows too little of its training photos. Retrain "
                "it with this version of `coral-learn train`, or use one that is not compiled",
            )
        _show(watch, count, publisher, as_json=json or not sys.stdout.isatty())


def _check_options(context: click.Context, *, source_is_folder: bool, mqtt: str | None) -> None:
    def is_given(option: str) -> bool:
        return context.get_parameter_source(option) is not ParameterSource.DEFAULT

    if source_is_folder and is_given("every"):
        raise click.UsageError(
            "--every is for cameras and videos. Each new picture in a folder is taken."
        )
    if not source_is_folder and is_given("existing"):
        raise click.UsageError("--existing is for folders. Leave it out for cameras and videos.")
    if mqtt is None and (is_given("mqtt_password_file") or is_given("name")):
        raise click.UsageError("--mqtt-password-file and --name need --mqtt.")


def _publisher(
    url: str, password_file: Path | None, name: str, classifier: Classifier, watch: Watch
) -> Publisher:
    from ..jobs.watch.broker_address import find_password, parse_broker
    from ..jobs.watch.publishing import Publisher
    from . import display

    address = parse_broker(url)
    return Publisher(
        address,
        find_password(password_file, address.user),
        name,
        classifier.labels,
        knows_drift=watch.can_tell_drift,
        on_notice=lambda text: display.print_note("note", text),
    )


def _show(watch: Watch, count: int | None, publisher: Publisher | None, *, as_json: bool) -> None:
    from .watch_display import print_event, print_summary

    try:
        for event in watch.events(count):
            print_event(event, as_json=as_json)
            if publisher is not None:
                publisher.send(event)
    finally:
        print_summary(watch)
