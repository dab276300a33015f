"""Test the picture of a terminal session, and the code that records and draws the session."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pexpect

from avepoint_simulator.tokens import AppCredentials
from scripts.record_session import PICTURE, Entry, Recorder
from scripts.terminal_svg import Frame, Run, draw
from tests.docs.markdown import ROOT
from tests.prometheus.expressions import exposed

SVG = "{http://www.w3.org/2000/svg}"


def text_of(element: ET.Element) -> str:
    return "\n".join("".join(text.itertext()) for text in element.iter(f"{SVG}text"))


def test_the_picture_has_no_secret_and_no_path_of_a_machine() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    ET.fromstring(picture)  # noqa: S314 - not from outside
    assert re.findall(r"/(?:tmp|home|root|work|usr)\b", picture) == []
    assert AppCredentials().client_secret not in picture
    assert len(picture) < 500_000


def test_the_picture_shows_each_command_and_its_end_in_a_minute() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    shown = text_of(ET.fromstring(picture))  # noqa: S314 - not from outside
    assert "Wrote config.yaml and contoso.secret (mode 0600)." in shown
    assert "All 7 collectors work." in shown
    assert 'avepoint_problem{account="contoso",problem="backup_overdue"' in shown
    assert set(re.findall(r"^\d+  (avepoint_\w+)$", shown, re.MULTILINE)) <= set(exposed())
    (seconds,) = re.findall(r"animation:play ([\d.]+)s", picture)
    assert 20 < float(seconds) <= 60


def test_the_readme_shows_the_picture() -> None:
    assert f"]({PICTURE.relative_to(ROOT)})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_terminal_is_recorded(tmp_path: Path) -> None:
    shell = pexpect.spawn("bash", ["--norc", "--noprofile"], cwd=str(tmp_path), encoding="utf-8", dimensions=(30, 100),
                          env={"PS1": "> ", "PATH": "/usr/bin:/bin", "TERM": "xterm"})  # fmt: skip
    entries = (
        Entry("> ", "read -sp 'word: '"),
        Entry("word: ", "hidden"),
        Entry("> ", "echo $((2 + 2))"),
        Entry("> ", ""),
    )
    frames = Recorder(shell).play(entries)
    shell.close(force=True)
    shown = [" ".join(run.text for run in row) for row in frames[-1].rows if row]
    assert shown[-2:] == ["4", ">"]
    assert "hidden" not in str(frames)
    assert any(frame.rows[0] == (Run(0, ">"),) for frame in frames)


def test_frames_are_drawn_with_the_last_one_visible_without_animation() -> None:
    first = Frame(((Run(0, "$ a<b", is_bold=True),), ()), 1.0, (5, 0))
    last = Frame((first.rows[0], (Run(2, "ok", "green"),)), 3.0, None)
    drawn = draw([first, last], columns=10, lines=2, title="T", description="D & E")
    root = ET.fromstring(drawn)  # noqa: S314 - not from outside
    assert text_of(root) == "$ a<b\nok"
    assert len(root.findall(f".//{SVG}use")) == 3
    assert "#film{transform:translateY(-44px);animation:play 4.0s" in drawn
    assert "{0.000%{transform:none}25.000%{transform:translateY(-44px)}" in drawn
