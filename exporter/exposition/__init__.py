"""The metrics page contains the collected data and the exporter's own metrics."""

import os

# If one of these variables is set, prometheus_client stores metrics in files. Only programs with several processes need
# these files.
for _name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
    os.environ.pop(_name, None)
