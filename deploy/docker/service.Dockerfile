# One service: docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=gateway .
FROM python:3.13-slim AS build
ARG SERVICE
RUN pip install --no-cache-dir 'uv>=0.9'
WORKDIR /src
COPY pyproject.toml uv.lock ./
COPY packages packages
COPY services services
RUN UV_PROJECT_ENVIRONMENT=/app uv sync --locked --no-dev --no-editable --package kaftalk-$SERVICE

FROM python:3.13-slim
ARG SERVICE
RUN useradd --uid 10001 --no-create-home kaftalk
COPY --from=build /app /app
COPY deploy/docker/run.sh /run.sh
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 KAFTALK_SERVICE=$SERVICE
USER kaftalk
ENTRYPOINT ["/run.sh"]
