"""Test how the exporter detects changes of the configuration file."""

import asyncio
import os
from pathlib import Path

from exporter.config.watch import FileWatch
from tests.helpers import FakeClock


async def test_each_change_is_reported_once(tmp_path: Path) -> None:
    file, clock, changes = tmp_path / "config.yaml", FakeClock(), asyncio.Queue[str]()
    file.write_text("one")

    async def changed() -> None:
        changes.put_nowait(file.read_text() if file.exists() else "")

    watch = FileWatch(file)
    file.write_text("two, written before the watch runs")
    task = asyncio.create_task(watch.run(clock, changed))
    assert await changes.get() == "two, written before the watch runs"
    for text in ("three", "four"):  # replace a symbolic link, as Kubernetes does for a ConfigMap
        target, link = tmp_path / text, tmp_path / "link"
        target.write_text(text)
        link.symlink_to(target)
        link.replace(file)
        assert await changes.get() == text
    file.unlink()
    assert await changes.get() == ""
    os.close(os.open(file, os.O_CREAT))
    assert await changes.get() == ""
    for _ in range(100):
        await asyncio.sleep(0)
    task.cancel()
    assert changes.empty()
