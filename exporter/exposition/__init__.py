"""The metrics page: snapshots as text, and the exporter's metrics about itself."""

import os

# With this variable of multi-process applications, prometheus_client would keep the metrics in files of a directory.
for _name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
    os.environ.pop(_name, None)
