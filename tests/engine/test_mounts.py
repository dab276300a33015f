"""The exporter recognizes directories on network file systems."""

from pathlib import Path

import pytest

from exporter.engine.storage.mounts import network_file_system
from exporter.engine.storage.sqlite import open_directory
from exporter.logs import logger
from tests.helpers import FakeClock

MOUNTS = """\
20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
21 20 0:40 / /mnt/nfs rw - nfs4 server:/export rw
22 20 0:41 / /mnt/a\\040share rw shared:2 - cifs //server/share rw
23 21 8:2 / /mnt/nfs/local rw - xfs /dev/sdb1 rw
24 20 0:42 / /mnt/ssh rw - fuse.sshfs user@host: rw
25 20 0:43 / /mnt/hidden rw - nfs server:/export rw
26 20 8:3 / /mnt/hidden rw - ext4 /dev/sdc1 rw
not a mount
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/avepoint", None), ("/", None), ("/mnt/nfs", "nfs4"), ("/mnt/nfs/state", "nfs4"),
        ("/mnt/nfs-other", None), ("/mnt/a share/x", "cifs"), ("/mnt/nfs/local/x", None), ("/mnt/ssh", "fuse.sshfs"),
        ("/mnt/hidden/x", None),
    ],
)  # fmt: skip
def test_the_innermost_mount_decides(tmp_path: Path, folder: str, kind: str | None) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert network_file_system(Path(folder), mounts) == kind


def test_a_system_without_a_list_of_mounts_is_not_refused(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, tmp_path / "missing") is None
    database = open_directory(tmp_path, FakeClock(), logger())
    assert database is not None
    database.close()
