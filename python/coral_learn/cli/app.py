"""The command group ``coral-learn`` and the commands in it."""

from importlib import import_module

import click

# The file of each command, its name there, and the first sentence of its help. Most of the time
# that a short command takes goes into imports, so a command is imported when it is used, and
# imports what it runs when it runs: help needs nothing but click.
_COMMANDS = {
    "cache": ("tool_commands", "cache_command", "Show or clear the cache of embeddings."),
    "classify": ("photo_commands", "classify_command", "Name the class of each photo."),
    "demo": ("demo_command", "demo_command", "Retrain and test a model on drawn photos."),
    "doctor": ("tool_commands", "doctor_command", "Check whether models can run on this machine."),
    "embed": ("embed_command", "embed_command", "Turn photos into a folder of embeddings."),
    "evaluate": ("photo_commands", "evaluate_command", "Measure how often a classifier is right."),
    "export": (
        "export_command",
        "export_command",
        "Write a classifier in the form that another program needs.",
    ),
    "extractor": (
        "tool_commands",
        "extractor_command",
        "Make an embedding extractor from a classifier.",
    ),
    "fleet": (
        "fleet_command",
        "fleet_app",
        "Train one model on the photos of many boards, which stay where they are.",
    ),
    "models": (
        "model_commands",
        "models_command",
        "List, download or compare the models that --extractor takes by name.",
    ),
    "project": (
        "project_commands",
        "project_app",
        "Keep a model and change its classes and photos later.",
    ),
    "review": (
        "review_command",
        "review_command",
        "Find wrong labels, duplicates and bad photos, and correct them.",
    ),
    "studio": (
        "studio_command",
        "studio_command",
        "Teach a project by showing, in a browser.",
    ),
    "train": ("train_commands", "train_command", "Retrain a classifier on your photos."),
    "watch": (
        "watch_command",
        "watch_command",
        "Classify pictures as they come, and tell when they look unlike the training.",
    ),
}


class LazyGroup(click.Group):
    """A command group that imports its commands when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports and returns a command; None if there is no command of this name."""
        return load_command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands into the help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


def load_command(name: str) -> click.Command | None:
    """Imports and returns a command; None if there is no command of this name."""
    if name not in _COMMANDS:
        return None
    file, attribute, _ = _COMMANDS[name]
    command: click.Command = getattr(import_module(f".{file}", __package__), attribute)
    return command


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
)
@click.version_option(package_name="coral-learn", message="%(prog)s %(version)s")
def app() -> None:
    """Retrain an image classifier on your own photos, on the device that runs it."""
