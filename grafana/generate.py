"""Write the dashboards (`python -m grafana.generate`). With `--check`, only check that the files are current."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import customers, exporter, jobs, licence_storage, overview, protection

FOLDER: Final = Path(__file__).parent / "dashboards"
DASHBOARDS: Final[Mapping[str, Callable[[], Dashboard]]] = {
    "overview": overview.build,
    "customers": customers.build,
    "jobs": jobs.build,
    "protection": protection.build,
    "licence-storage": licence_storage.build,
    "exporter": exporter.build,
}


def _without_defaults(board: Dashboard) -> object:
    """Remove fields that the SDK writes but Grafana ignores."""
    tree = json.loads(json.dumps(board, cls=JSONEncoder))
    for variable in tree["templating"]["list"]:
        for name in ("auto", "auto_min", "auto_count"):
            variable.pop(name, None)
    for panel in tree["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)  # Since Grafana 12, the footer is a property of fields.
    return tree


def rendered() -> dict[Path, str]:
    """Return the content of each file."""
    return {
        FOLDER / f"{name}.json": json.dumps(_without_defaults(build()), indent=2, ensure_ascii=False) + "\n"
        for name, build in DASHBOARDS.items()
    }


def main(arguments: list[str]) -> int:
    """Write or check the dashboards, and return the exit code."""
    texts = rendered()
    if arguments == ["--check"]:
        stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
        for path in stale:
            print(f"{path} is outdated; run python -m grafana.generate")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
