"""The status page: what each collector last did, in words; no secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment

from exporter import __version__
from exporter.snapshot import View


@dataclass(frozen=True, slots=True)
class Line:
    """One collector of one account, as the page shows it."""

    account: str
    collector: str
    state: str
    success_age: str
    duration: str
    generation: str
    customers: str
    error: str
    hint: str


def render_status(views: Sequence[View], *, ready: bool, now: float) -> str:
    """Render the page; every text is escaped."""
    template = resources.files("exporter.web").joinpath("templates/status.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        version=__version__, ready=ready, lines=[_line(view, now) for view in views]
    )


def _line(view: View, now: float) -> Line:
    status = view.status
    state = "off" if status.off else "waiting" if status.up is None else "up" if status.up else "down"
    counts = list(view.customer_up.values())
    return Line(
        account=view.account,
        collector=view.collector,
        state=state,
        success_age="never" if status.last_success is None else f"{span(now - status.last_success)} ago",
        duration="" if status.duration is None else f"{status.duration:.1f} s",
        generation=status.generation,
        customers=f"{sum(counts)} of {len(counts)}" if counts else "",
        error=status.error,
        hint=status.hint,
    )


def span(seconds: float) -> str:
    """Give a span of time in its largest sensible unit: 42 s, 5 min, 3 h, 2 d."""
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
