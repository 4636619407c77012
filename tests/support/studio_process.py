"""The studio in a process of its own, as people start it."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DRAWN_EXTRACTOR = Path(__file__).parent / "drawn_extractor.tflite"


class StudioProcess:
    """A studio that can be killed and started again at the same address.

    Attributes:
        project: The folder of the project, created by the first start.
        url: The address that the studio printed.
    """

    def __init__(
        self,
        project: Path,
        *options: str,
        extractor: Path | None = DRAWN_EXTRACTOR,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.project = project
        self.url = ""
        self._environment = environment
        own = () if extractor is None else ("--extractor", str(extractor))
        self._options = (*own, *options)
        self._process: subprocess.Popen[str] | None = None

    @property
    def process_id(self) -> int:
        """The number of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the studio and waits until it has printed its address."""
        port = re.search(r":(\d+)/", self.url)
        command = [
            *(sys.executable, "-m", "coral_learn", "studio", str(self.project), "--no-browser"),
            *("--port", port[1] if port else "0"),
            *self._options,
        ]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                return
        raise AssertionError("the studio ended: " + "".join(said))

    def kill(self) -> None:
        """Kills the studio without a warning."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
