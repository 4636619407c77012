"""The command group ``coral-learn`` and the commands in it."""

import click

from .photo_commands import classify_command, evaluate_command
from .project_commands import project_app
from .tool_commands import cache_command, doctor_command, extractor_command
from .train_commands import demo_command, train_command


@click.group(
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    }
)
@click.version_option(package_name="coral-learn", message="%(prog)s %(version)s")
def app() -> None:
    """Retrain an image classifier on your own photos, on the device that runs it."""


for command in (
    train_command,
    demo_command,
    classify_command,
    evaluate_command,
    extractor_command,
    doctor_command,
    cache_command,
    project_app,
):
    app.add_command(command)
