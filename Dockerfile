# Two stages: the first builds a virtual environment, the second contains only that.
# Both start from the same image, so that the environment finds its interpreter.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_ONLY_BINARY=:all:
WORKDIR /src

# The dependencies come first: they change rarely, and this layer is the slow one.
# setuptools is only for building, so it stays outside the environment, pinned and hashed as in the full lock.
COPY requirements.lock requirements-prod.lock ./
RUN python -m venv --without-pip /opt/deskbell \
    && pip --python /opt/deskbell install --require-hashes --requirement requirements-prod.lock \
    && sed -n '/^setuptools==/,/[^\\]$/p' requirements.lock > build.lock \
    && pip install --require-hashes --requirement build.lock

COPY pyproject.toml setup.py LICENSE README.md llms.txt ./
COPY feishu feishu
COPY http_client http_client
COPY ledger ledger
COPY worker worker
COPY producers producers
COPY console console
COPY sandbox sandbox
COPY deskbell deskbell
COPY docs docs
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/deskbell install --no-deps --no-index dist/*.whl


FROM python:3.12-slim AS runtime
LABEL org.opencontainers.image.title="Deskbell" \
      org.opencontainers.image.description="Notifications through a Feishu helpdesk bot: paced, retried, rerouted, and recorded." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
# The base image leaves its library uncompiled, and the file system is read-only later: each start and each health check
# would compile what it imports, and throw it away.
RUN python -m compileall -q "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# A fixed number: Kubernetes' runAsNonRoot cannot check a name, and volumes keep their owner from image to image.
RUN groupadd --system --gid 10001 deskbell \
    && useradd --system --uid 10001 --gid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin deskbell
COPY --from=build /opt/deskbell /opt/deskbell
ENV PATH=/opt/deskbell/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001

# SIGTERM is a warm shutdown: calls in flight finish and are recorded. Give it longer than one HTTP call may take.
STOPSIGNAL SIGTERM

# Checks in the ledger whether this container's worker has reported within the last 5 s. It does not load Celery, which takes
# as much CPU as an idle worker uses in the half minute between two checks.
# Not `deskbell doctor`: that calls Feishu too, and an outage there must not restart healthy workers.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["python", "-m", "ledger.worker_health"]

# The worker line of the Procfile; a test keeps the two equal.
CMD ["sh", "-c", "exec celery -A worker worker --hostname \"${HONCHO_PROCESS_NAME:-celery}@%h\" --pool threads --concurrency \"${DESKBELL_CONCURRENCY:-16}\" --without-gossip --without-mingle --loglevel INFO"]
