"""The world that faults are injected into: real commands on small data with known results."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.model_builder import build_classifier, build_extractor

from coral_learn.demo.drawing import DEMO_CLASSES, write_photos
from coral_learn.embeddings import Embeddings
from coral_learn.project.project import Project
from coral_learn.tflite.cut import create_embedding_extractor

COMMAND = str(Path(sys.executable).with_name("coral-learn"))
_CACHE_VARIABLE = "CORAL_LEARN_CACHE"
_PHOTOS_PER_CLASS = 12
_MAX_SECONDS = 600  # on a busy machine


class Finding(Exception):  # noqa: N818 (a result of the attack, not a failure of it)
    """A fault had an effect that no fault may have."""


Files = dict[str, bytes]
"""The content of files, by name."""


@dataclass
class Done:
    """A command that has ended."""

    status: int
    output: str
    errors: str


@dataclass(frozen=True)
class Target:
    """A command that faults are injected into.

    Attributes:
        name: The name of the command.
        arguments: The arguments of the command, which runs in the folder of a trial.
        folder: The folder that the command writes to, within the folder of the trial.
    """

    name: str
    arguments: tuple[str, ...]
    folder: str = "out"

    @property
    def changes_project(self) -> bool:
        """Whether the command changes the project, whose files have random names."""
        return self.folder == "project"


@dataclass
class Trial:
    """One run of one command in its own folder."""

    world: "World"
    path: Path
    target: Target

    def start(self, wrapper: Sequence[str] = (), **options: Any) -> "subprocess.Popen[str]":
        """Starts the command, with a wrapper if there is one."""
        program = list(wrapper) or [COMMAND]
        return subprocess.Popen(
            [*program, *self.target.arguments],
            cwd=self.path,
            env=self.world.environment | {_CACHE_VARIABLE: str(self.path / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def finish(self, process: "subprocess.Popen[str]") -> Done:
        """Waits for the end of a command."""
        try:
            output, errors = process.communicate(timeout=_MAX_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Finding(f"the command runs for more than {_MAX_SECONDS} s") from None
        return Done(process.returncode, output, errors)

    def state(self) -> Files:
        """Returns the results of the command by name, after checking that they are complete."""
        if not self.target.changes_project:
            return {
                path.name: path.read_bytes()
                for path in (self.path / "out").iterdir()
                if not path.name.startswith(".")
            }
        project = Project(self.path / "project")
        known = project.to_json()
        del known["path"]
        state = {"project": json.dumps(known).encode()}
        for part in project.step.photos:
            rows = Embeddings.load(project.path / "parts" / part.file)
            if len(rows) != len(part.labels):
                raise Finding(f"{part.file} has {len(rows)} rows for {len(part.labels)} labels")
        if project.step.head is not None:
            state["model"] = project.serialize_model()
        return state

    def leftovers(self) -> list[str]:
        """Returns the names of files that are not part of the results."""
        found = [path.name for path in (self.path / "out").iterdir() if path.name[0] == "."]
        if self.target.changes_project:
            content = (self.path / "project" / "project.json").read_text()
            found += [
                path.name
                for path in (self.path / "project").rglob("*")
                if path.name.startswith(".")
                # The digests of a file of embeddings lie beside it, and have its name.
                or (path.parent.name == "parts" and f"{path.stem}." not in content)
            ]
        return found


class World:
    """Photos, models and a project, and the results of each command on them.

    Attributes:
        targets: The commands.
        before: The state before each command.
        after: The state after each command, and its output.
        seconds: The duration of each command.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ) | {"COLUMNS": "100"}
        self._template = folder / "template"
        self._photos = folder / "photos"
        self._draw()
        self.targets = self._make_targets()
        self.before: dict[str, Files] = {}
        self.after: dict[str, tuple[Files, str]] = {}
        self.seconds: dict[str, float] = {}
        self._make_template()
        for target in self.targets:
            self._learn(target)

    def trial(self, target: Target) -> Trial:
        """Makes a folder in which no command has run, and removes the folder of the last trial."""
        path = self.folder / "trial"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self._template, path)
        return Trial(self, path, target)

    def _draw(self) -> None:
        for _ in write_photos(self._photos, _PHOTOS_PER_CLASS, seed=3):
            pass
        names = sorted(DEMO_CLASSES)
        for index, name in enumerate(names):
            if index > 2:
                (self.folder / "more").mkdir(exist_ok=True)
                (self._photos / name).rename(self.folder / "more" / name)

    def _make_targets(self) -> list[Target]:
        photos = str(self._photos)
        shown = tuple(str(path) for path in sorted(self._photos.rglob("*.jpg")))
        more = str(min((self.folder / "more").iterdir()))
        train = ("train", photos, "--extractor", "extractor.tflite", "--output", "out")
        return [
            Target("train", (*train, "--seed", "2")),
            Target("train sgd", (*train, "--seed", "2", "--method", "sgd", "--json")),
            Target("evaluate", ("evaluate", "model.tflite", photos, "--json")),
            Target("classify", ("classify", "model.tflite", *shown, "--json")),
            Target("extractor", ("extractor", "classifier.tflite", "--output", "out/cut.tflite")),
            Target("project add", ("project", "add", "project", "new", more), "project"),
            Target("project remove", ("project", "remove", "project", "b"), "project"),
            Target("project undo", ("project", "undo", "project"), "project"),
            Target("project export", ("project", "export", "project", "--output", "out")),
        ]

    def _make_template(self) -> None:
        """Makes the files that every trial starts with: older results and a partly filled cache."""
        path = self._template
        (path / "out").mkdir(parents=True)
        extractor = build_extractor("uint8", 24, size=(24, 24)).content
        (path / "extractor.tflite").write_bytes(extractor)
        (path / "classifier.tflite").write_bytes(build_classifier("uint8", 16, 5).content)
        older = create_embedding_extractor(build_classifier("int8", 4).content)
        (path / "out" / "cut.tflite").write_bytes(older)
        one, two, three = sorted(self._photos.iterdir())
        project = Project.create(path / "project", extractor)
        for name, folder in (("a", one), ("b", two), ("c", three)):
            project.add_class(name, sorted(folder.iterdir()))
        others = ("train", str(self.folder / "more"), "--extractor", "extractor.tflite")
        self._must_run(Trial(self, path, Target("other data", (*others, "--output", "out"))))
        # One class of the photos in the trials is already in the cache.
        (path / "half").mkdir()
        for folder in (one, min((self.folder / "more").iterdir())):
            shutil.copytree(folder, path / "half" / folder.name)
        half = ("train", "half", "--extractor", "extractor.tflite", "--output", "unused")
        self._must_run(Trial(self, path, Target("half of the cache", half)))
        train = Target("model", (*self._make_targets()[0].arguments[:-3], "model", "--seed", "9"))
        self._must_run(Trial(self, path, train))
        (path / "model" / "retrained_model.tflite").rename(path / "model.tflite")
        for name in ("half", "unused", "model"):
            shutil.rmtree(path / name)

    def _learn(self, target: Target) -> None:
        trial = self.trial(target)
        self.before[target.name] = trial.state()
        start = time.perf_counter()
        done = self._must_run(trial)
        self.seconds[target.name] = time.perf_counter() - start
        self.after[target.name] = trial.state(), done.output
        if trial.leftovers():
            raise Finding(f"{target.name} leaves {trial.leftovers()}")

    def _must_run(self, trial: Trial) -> Done:
        done = trial.finish(trial.start())
        if done.status != 0:
            raise Finding(f"{trial.target.name} fails without a fault: {done.errors}")
        return done
