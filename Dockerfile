# The workers' image: `extproc` and nothing else. Envoy runs from its own, unchanged image beside it.
#
# The base is pinned by version. A digest belongs here too, and to whoever deploys: only they know which registry they
# trust and what it holds. Give it at build time: --build-arg PYTHON_IMAGE=python:3.11.14-slim-trixie@sha256:…
ARG PYTHON_IMAGE=python:3.11.14-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/gateway.txt requirements/
# Only wheels whose hashes are locked: nothing is compiled, so no stage has a compiler.
RUN python -m venv --without-pip /opt/extproc \
    && pip --python /opt/extproc/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
        -r requirements/gateway.txt
COPY LICENSE README.md pyproject.toml ./
COPY envoy/attempt_rewrite.lua envoy/
COPY extproc/ extproc/
RUN pip --python /opt/extproc/bin/python wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
    && pip --python /opt/extproc/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl \
    && /opt/extproc/bin/python -m compileall -q /opt/extproc/lib

FROM ${PYTHON_IMAGE}
# A name for the number: `extproc keys` writes who acted into the admin log.
RUN groupadd --gid 10001 extproc \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin extproc \
    && mkdir -p /var/lib/extproc/spool \
    && chmod 0700 /var/lib/extproc/spool \
    && chown 10001:10001 /var/lib/extproc/spool
COPY --from=build /opt/extproc /opt/extproc
# The root file system is mounted read-only, and what lies in the working directory is never imported.
ENV PATH=/opt/extproc/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
USER 10001:10001
# One image, several commands (serve, migrate, keys): whoever starts `serve` knows where its sockets are and checks them.
HEALTHCHECK NONE
ENTRYPOINT ["extproc"]
CMD ["serve"]
