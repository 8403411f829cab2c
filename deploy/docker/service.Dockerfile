# One service, the Lambda host or the tools: docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=gateway .
# What is installed is what uv.lock names, by hash. PYTHON and UV may be given with a digest.
ARG PYTHON=python:3.11-slim-bookworm
ARG UV=ghcr.io/astral-sh/uv:0.13.9

FROM ${UV} AS uv

FROM ${PYTHON} AS build
ARG SERVICE
ARG PACKAGE=kaftalk-$SERVICE
ARG PROGRAM=kaftalk-$SERVICE
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_PROJECT_ENVIRONMENT=/app UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH
WORKDIR /src
COPY pyproject.toml uv.lock ./
COPY packages packages
COPY services services
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-editable --package "$PACKAGE" \
    && uv export --quiet --locked --no-dev --package "$PACKAGE" --format cyclonedx1.5 -o /app/sbom.cdx.json \
    && ln -s "$PROGRAM" /app/bin/kaftalk-service

FROM ${PYTHON}
ARG SERVICE
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="kaftalk $SERVICE" \
      org.opencontainers.image.description="Group chat on Kafka: $SERVICE" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 KAFTALK_COMMIT=$COMMIT \
    KAFTALK_LISTEN=0.0.0.0:8000 KAFTALK_INTERNAL_LISTEN=0.0.0.0:8001 KAFTALK_METRICS_LISTEN=0.0.0.0:9090
USER 10001:10001
EXPOSE 8000 8001 9090
HEALTHCHECK --interval=10s --timeout=10s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8001/readyz', timeout=9)"]
ENTRYPOINT ["kaftalk-service"]
