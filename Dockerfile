# The image: an environment with the exporter and what it needs, on a slim Python. Nothing is fetched when it runs.
#   docker build --tag avepoint-exporter .
# Behind a proxy or a mirror, pip's settings come in as build secrets and stay out of the image:
#   docker build --secret id=pip.conf,src=pip.conf --secret id=ca.pem,src=ca.pem .
ARG BASE_IMAGE=docker.io/library/python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE_IMAGE} AS build
ENV PIP_CONFIG_FILE=/run/secrets/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/avepoint-exporter
WORKDIR /src
COPY requirements/ requirements/
# Only wheels, of which every byte is known; nothing is compiled.
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    /opt/build/bin/pip --python /opt/avepoint-exporter/bin/python install \
      --only-binary :all: --require-hashes -r requirements/runtime.txt
# What builds the package, at the versions and hashes of the lock.
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    awk '/^[a-z0-9]/ { keep = /^(hatchling|packaging|pathspec|pluggy|trove-classifiers)==/ } keep' \
      requirements/dev.txt > /tmp/build.txt \
    && /opt/build/bin/pip install --only-binary :all: --require-hashes --no-deps -r /tmp/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY avepoint_simulator/ avepoint_simulator/
COPY exporter/ exporter/
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /tmp/dist . \
    && /opt/build/bin/pip --python /opt/avepoint-exporter/bin/python install --no-deps --no-index /tmp/dist/*.whl \
    && cp LICENSE /opt/avepoint-exporter/ \
    && rm -f /opt/avepoint-exporter/bin/[Aa]ctivate*

FROM ${BASE_IMAGE}
# What a running exporter has no use for and an intruder would: installers, and programs that raise their rights.
RUN rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/pydoc* /usr/local/lib/python3*/site-packages/pip* \
      /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip /usr/share/python-wheels \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/avepoint-exporter
COPY --from=build /opt/avepoint-exporter /opt/avepoint-exporter
ENV PATH=/opt/avepoint-exporter/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Where config.yaml is looked for; mount it here.
WORKDIR /etc/avepoint-exporter
USER 10001:10001
EXPOSE 10087
STOPSIGNAL SIGTERM
# Any answer counts, so that TLS and basic authentication do not matter. Only the environment can tell it another port.
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
