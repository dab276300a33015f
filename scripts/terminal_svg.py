"""Draw the recorded frames of a terminal as an animated SVG.

The file contains each distinct row once, and frames refer to rows. The frames are stacked, and the animation moves
the stack from frame to frame. Without animation, the last frame is visible.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Final

_CELL: Final = 8.4  # width of a column in pixels, with a font size of 14 pixels
_ROW: Final = 19
_MARGIN: Final = 16
_BAR: Final = 36  # height of the title bar
_COLORS: Final = {
    "default": "#d4d7dd", "green": "#8ccf7e", "red": "#e57474", "brown": "#e5c76b", "yellow": "#e5c76b",
    "blue": "#67b0e8", "magenta": "#c47fd5", "cyan": "#6cbfbf",
}  # fmt: skip
_STYLE: Final = """
text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:{default}}}
.bold{{font-weight:700}}{colors}
#film{{transform:translateY(-{last}px);animation:play {seconds:.1f}s steps(1,end) infinite}}
@keyframes play{{{keyframes}}}
@media(prefers-reduced-motion:reduce){{#film{{animation:none}}}}"""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of characters with the same style in one row. `column` is the column of the first character."""

    column: int
    text: str
    color: str = "default"
    is_bold: bool = False


Row = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A screen that the animation shows for `seconds`. `cursor` is the column and the row of the cursor."""

    rows: tuple[Row, ...]
    seconds: float
    cursor: tuple[int, int] | None


def draw(frames: Sequence[Frame], *, columns: int, lines: int, title: str, description: str) -> str:
    """Return the frames as an SVG document."""
    inner_width, inner_height = columns * _CELL, lines * _ROW + 6
    width, height = round(inner_width + 2 * _MARGIN), round(inner_height + _BAR + _MARGIN)
    names = {row: f"r{number}" for number, row in enumerate(_different(frames))}
    rows = "\n".join(f'<g id="{name}">{_text(row)}</g>' for row, name in names.items())
    film = "\n".join(_frame(frame, names, index * inner_height) for index, frame in enumerate(frames))
    style = _style(frames, inner_height)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"\
 role="img" aria-labelledby="title description">
<title id="title">{escape(title)}</title>
<desc id="description">{escape(description)}</desc>
<style>{style}
</style>
<defs>
{rows}
</defs>
<rect width="{width}" height="{height}" rx="8" fill="#1b1f27"/>
<circle cx="20" cy="18" r="6" fill="#e57474"/><circle cx="40" cy="18" r="6" fill="#e5c76b"/>\
<circle cx="60" cy="18" r="6" fill="#8ccf7e"/>
<svg x="{_MARGIN}" y="{_BAR}" width="{inner_width:.1f}" height="{inner_height}"><g id="film">
{film}
</g></svg>
</svg>
"""


def _different(frames: Sequence[Frame]) -> Iterator[Row]:
    yield from dict.fromkeys(row for frame in frames for row in frame.rows if row)


def _text(row: Row) -> str:
    return "".join(_run(run) for run in row)


def _run(run: Run) -> str:
    """Return the SVG of one run. The run has a fixed length. Therefore, columns are aligned in every font."""
    style = " ".join([run.color] * (run.color != "default") + ["bold"] * run.is_bold)
    name = f' class="{style}"' if style else ""
    length = f' textLength="{len(run.text) * _CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{run.column * _CELL:.1f}"{name}{length}>{escape(run.text, quote=False)}</text>'


def _frame(frame: Frame, names: dict[Row, str], top: int) -> str:
    uses = (f'<use href="#{names[row]}" y="{top + 14 + index * _ROW}"/>' for index, row in enumerate(frame.rows) if row)
    return "".join(uses) + _cursor(frame.cursor, top)


def _cursor(cursor: tuple[int, int] | None, top: int) -> str:
    if cursor is None:
        return ""
    column, row = cursor
    return (
        f'<rect x="{column * _CELL:.1f}" y="{top + row * _ROW}" width="{_CELL}" height="{_ROW - 2}"'
        ' fill="#d4d7dd" opacity=".6"/>'
    )


def _style(frames: Sequence[Frame], height: int) -> str:
    seconds = sum(frame.seconds for frame in frames)
    starts = accumulate((frame.seconds for frame in frames), initial=0.0)
    keyframes = "".join(
        f"{100 * start / seconds:.3f}%{{transform:translateY(-{index * height}px)}}"
        for index, start in zip(range(len(frames)), starts, strict=False)
    )
    last = (len(frames) - 1) * height
    colors = "".join(f".{name}{{fill:{color}}}" for name, color in _COLORS.items() if name != "default")
    text = _STYLE.format(default=_COLORS["default"], colors=colors, last=last, seconds=seconds,
                         keyframes=keyframes + f"to{{transform:translateY(-{last}px)}}")  # fmt: skip
    return re.sub(r"translateY\(-0px\)", "none", text)
