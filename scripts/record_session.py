"""Record docs/images/session.svg. The picture shows a terminal that runs `init`, `check` and `--once`.

Run this file as a module: `python -m scripts.record_session`.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

import pexpect
import pyte
from pyte.screens import Char

from avepoint_simulator.application import Simulator
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.tokens import AppCredentials
from scripts.terminal_svg import Frame, Row, Run, draw

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "images" / "session.svg"
PORT: Final = 8365
_COLUMNS: Final = 100
_LINES: Final = 30
_KEY: Final = 0.035  # seconds between two keys
_LONGEST: Final = 0.4  # seconds between two reads of a running command's output
_RUNNING: Final = 0.12  # seconds between two output lines of a running command
_READING: Final = 2.5  # seconds before the next command
_END: Final = 5.0
_TIMEOUT: Final = 120
_PROMPT: Final = "~/avepoint $ "
_URL: Final = f"http://127.0.0.1:{PORT}"
_TITLE: Final = "avepoint-exporter in a terminal"
_DESCRIPTION: Final = (
    "avepoint-exporter init writes a configuration, avepoint-exporter check tests every request, and avepoint-exporter "
    "--once prints metrics about problems with backups."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """`text` is typed when the current line of the terminal ends with `after`."""

    after: str
    text: str
    pause: float = 0.4


def session(app: AppCredentials) -> Sequence[Entry]:
    """Return the texts to type. The texts contain the credentials of the simulator's app."""
    init = f"avepoint-exporter init --no-check --base-url {_URL} --token-url {_URL}/connect/token"
    return (
        Entry(_PROMPT, f"# {_URL} is the built-in simulator of AvePoint"),
        Entry(_PROMPT, init),
        Entry("partner): ", "tenant"),
        Entry("label [tenant]: ", "contoso"),
        Entry("registration: ", app.client_id),
        Entry("[secret]: ", ""),
        Entry("(hidden): ", app.client_secret),
        Entry(_PROMPT, "avepoint-exporter check", _READING),
        Entry(_PROMPT, "avepoint-exporter --once --log.level error | grep ^avepoint_problem{", _READING),
        Entry(_PROMPT, "", _END),
    )


@dataclass(slots=True)
class Recorder:
    """Runs a shell in a terminal and records frames of the screen."""

    shell: "pexpect.spawn[str]"
    screen: pyte.Screen = field(default_factory=lambda: pyte.Screen(_COLUMNS, _LINES))
    frames: list[Frame] = field(default_factory=list)
    stream: pyte.Stream = field(init=False)

    def __post_init__(self) -> None:
        self.stream = pyte.Stream(self.screen)

    def play(self, entries: Sequence[Entry]) -> Sequence[Frame]:
        """Wait for the prompt of each text, and type the text. Return the frames."""
        for entry in entries:
            self._wait(entry.after)
            self._keep(entry.pause)
            for key in entry.text:
                self.shell.send(key)
                self._read(_KEY)
                self._keep(_KEY)
            if entry is not entries[-1]:
                self.shell.send("\n")
                self._read(_KEY)
        return self.frames

    def _wait(self, prompt: str) -> None:
        """Record until the current line ends with the prompt."""
        end = time.monotonic() + _TIMEOUT
        while not self._line().endswith(prompt):
            if time.monotonic() > end:
                raise TimeoutError(f"no {prompt!r} on the terminal:\n" + "\n".join(self.screen.display))
            self._read(_LONGEST, kept=_RUNNING)

    def _line(self) -> str:
        cursor = self.screen.cursor
        return self.screen.display[cursor.y][: cursor.x]

    def _read(self, seconds: float, kept: float = 0.0) -> None:
        """Read the output for this number of seconds.

        If `kept` is positive, show each new line for `kept` seconds. Then viewers have time to read a long output.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                text = self.shell.read_nonblocking(65536, timeout=left)
            except pexpect.TIMEOUT:
                return
            for line in text.splitlines(keepends=True):
                self.stream.feed(line)
                if kept and not self._is_unchanged():
                    self._keep(kept)

    def _keep(self, seconds: float) -> None:
        """Add the screen as a frame. If the screen has not changed, extend the last frame."""
        if self._is_unchanged():
            seconds += self.frames.pop().seconds
        self.frames.append(Frame(self._rows(), seconds, self._cursor()))

    def _is_unchanged(self) -> bool:
        return bool(self.frames) and (self.frames[-1].rows, self.frames[-1].cursor) == (self._rows(), self._cursor())

    def _rows(self) -> tuple[Row, ...]:
        return tuple(tuple(_runs(self.screen.buffer[line])) for line in range(_LINES))

    def _cursor(self) -> tuple[int, int] | None:
        cursor = self.screen.cursor
        return None if cursor.hidden else (cursor.x, cursor.y)


def _runs(line: "pyte.screens.StaticDefaultDict[int, Char]") -> Iterator[Run]:
    """Split a line into runs of characters with the same style. Omit surrounding spaces."""
    cells = [line[column] for column in range(_COLUMNS)]
    column = 0
    for (color, is_bold), group in groupby(cells, lambda cell: (cell.fg, cell.bold)):
        text = "".join(cell.data for cell in group)
        if text.strip():
            start = len(text) - len(text.lstrip())
            yield Run(column + start, text.strip(), color, is_bold)
        column += len(text)


def record() -> Sequence[Frame]:
    """Return the frames of a session in a new home directory."""
    app = AppCredentials()
    simulator = Simulator(now=time.time, credentials=app, scenario="incident")
    with SimulatorServer(simulator, port=PORT), tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "avepoint"
        folder.mkdir()
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        shell = pexpect.spawn(
            "bash", ["--norc", "--noprofile"], cwd=str(folder), encoding="utf-8", dimensions=(_LINES, _COLUMNS),
            env={"HOME": home, "PATH": programs, "PS1": r"\w $ ", "TERM": "xterm-256color", "LANG": "C.UTF-8",
                 "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            return Recorder(shell).play(session(app))
        finally:
            shell.close(force=True)


def main() -> int:
    """Write the picture and return the exit code."""
    frames = record()
    text = draw(frames, columns=_COLUMNS, lines=_LINES, title=_TITLE, description=_DESCRIPTION)
    PICTURE.write_text(text, encoding="utf-8")
    print(f"{PICTURE}: {len(frames)} frames, {sum(frame.seconds for frame in frames):.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
