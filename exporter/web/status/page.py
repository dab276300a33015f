"""Renders the status page as HTML. The content security policy contains the hash of the inline style."""

import base64
import hashlib
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from exporter.avepoint.throttle import RECENT
from exporter.web.status.model import model
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import StatusData

PROJECT: Final = "https://github.com/avepoint-exporter/avepoint-exporter"


class StatusPage:
    """The compiled template and the content security policy of the status page."""

    def __init__(self) -> None:
        files = resources.files("exporter.web").joinpath("templates")
        style = files.joinpath("status.css").read_text(encoding="utf-8")
        environment = Environment(
            autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, auto_reload=False
        )
        environment.globals.update(style=Markup(style), project=PROJECT, recent=round(RECENT))  # noqa: S704 - our own file
        self._template = environment.from_string(files.joinpath("status.html").read_text(encoding="utf-8"))
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; "
            "form-action 'self'"
        )

    def html(self, data: StatusData, query: StatusQuery) -> str:
        """Return the page as HTML. All text is escaped."""
        return self._template.render(page=model(data, query))
