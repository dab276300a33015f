# The image: a slim Python with one virtual environment. The container downloads nothing.
#   docker build --tag avepoint-exporter .
# Behind a proxy or a mirror, pass pip's settings as build secrets; the image does not contain them:
#   docker build --secret id=pip.conf,src=pip.conf --secret id=ca.pem,src=ca.pem .
ARG BASE_IMAGE=docker.io/library/python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE_IMAGE} AS dependencies
ENV PIP_CONFIG_FILE=/run/secrets/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/avepoint-exporter
WORKDIR /src
COPY requirements/ requirements/
# Only wheels with locked hashes; nothing is compiled.
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    /opt/build/bin/pip --python /opt/avepoint-exporter/bin/python install \
      --only-binary :all: --require-hashes -r requirements/runtime.txt \
    && rm -f /opt/avepoint-exporter/bin/[Aa]ctivate*

FROM dependencies AS code
# The build backend, at the versions and hashes of the lock.
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    awk '/^[a-z0-9]/ { keep = /^(hatch-fancy-pypi-readme|hatchling|packaging|pathspec|pluggy|trove-classifiers)==/ } keep' \
      requirements/dev.txt > /tmp/build.txt \
    && /opt/build/bin/pip install --only-binary :all: --require-hashes --no-deps -r /tmp/build.txt
COPY pyproject.toml README.md LICENSE config.example.yaml ./
COPY deploy/systemd/ deploy/systemd/
COPY grafana/dashboards/ grafana/dashboards/
COPY grafana/provisioning/ grafana/provisioning/
COPY prometheus/ prometheus/
COPY avepoint_simulator/ avepoint_simulator/
COPY exporter/ exporter/
# Below /code are only the files that a new version changes; they become a layer of their own.
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /tmp/dist . \
    && /opt/build/bin/pip --python /opt/avepoint-exporter/bin/python install --no-deps --no-index \
      --root /code /tmp/dist/*.whl \
    && cp LICENSE /code/opt/avepoint-exporter/

FROM ${BASE_IMAGE}
# The exporter needs no installer and no setuid program; an intruder would.
RUN rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/pydoc* /usr/local/lib/python3*/site-packages/pip* \
      /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip /usr/share/python-wheels \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/avepoint-exporter
COPY --from=dependencies /opt/avepoint-exporter /opt/avepoint-exporter
COPY --from=code /code/opt/avepoint-exporter /opt/avepoint-exporter
ENV PATH=/opt/avepoint-exporter/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# The directory of config.yaml; mount it here.
WORKDIR /etc/avepoint-exporter
USER 10001:10001
EXPOSE 10087
STOPSIGNAL SIGTERM
# Any response counts, so TLS and basic authentication do not matter. To listen on another port, set the environment
# variable, because a health check cannot see flags.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-I", "-c", "\
import os, socket; \
listen = os.environ.get('AVEPOINT_EXPORTER_WEB_LISTEN_ADDRESS', ''); \
s = socket.create_connection(('127.0.0.1', int(listen.rpartition(':')[2] or 10087)), 4); \
s.sendall(b'GET /-/healthy HTTP/1.0\\r\\n\\r\\n'); \
s.recv(1)"]
ENTRYPOINT ["avepoint-exporter"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="avepoint-exporter" \
      org.opencontainers.image.description="Prometheus exporter for AvePoint Cloud Backup for Microsoft 365" \
      org.opencontainers.image.url="https://github.com/avepoint-exporter/avepoint-exporter" \
      org.opencontainers.image.source="https://github.com/avepoint-exporter/avepoint-exporter" \
      org.opencontainers.image.documentation="https://github.com/avepoint-exporter/avepoint-exporter/blob/main/README.md" \
      org.opencontainers.image.vendor="avepoint-exporter" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
