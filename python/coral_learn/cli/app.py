"""The command group ``coral-learn`` and the commands in it."""

from importlib import import_module

import click

# The file of each command, and its name there. Most of the time that a short command takes goes
# into imports, so a command is imported when it is used, and imports what it runs when it runs:
# its help needs nothing but click.
_COMMANDS = {
    "cache": ("tool_commands", "cache_command"),
    "classify": ("photo_commands", "classify_command"),
    "demo": ("train_commands", "demo_command"),
    "doctor": ("tool_commands", "doctor_command"),
    "evaluate": ("photo_commands", "evaluate_command"),
    "extractor": ("tool_commands", "extractor_command"),
    "models": ("model_commands", "models_command"),
    "project": ("project_commands", "project_app"),
    "train": ("train_commands", "train_command"),
}


class LazyGroup(click.Group):
    """A command group that imports its commands when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports and returns a command; None if there is no command of this name."""
        return load_command(cmd_name)


def load_command(name: str) -> click.Command | None:
    """Imports and returns a command; None if there is no command of this name."""
    if name not in _COMMANDS:
        return None
    file, attribute = _COMMANDS[name]
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
