# The built web client behind the proxy that gives everything one origin: docker build -f deploy/docker/web.Dockerfile .
# What is built from is what package-lock.json names. NODE and CADDY may be given with a digest.
ARG NODE=node:24.19.0-bookworm-slim
ARG CADDY=caddy:2.11.7-alpine

FROM ${NODE} AS build
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY web .
RUN npm run build && npm sbom --sbom-format cyclonedx --omit dev >sbom.cdx.json

FROM ${CADDY}
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="kaftalk web" \
      org.opencontainers.image.description="Group chat on Kafka: the web client and its proxy" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.licenses="Apache-2.0"
# A copy has lost the capability to bind low ports: with it the kernel would not run the program as it is run here.
RUN cp /usr/bin/caddy /usr/bin/caddy-plain && mv /usr/bin/caddy-plain /usr/bin/caddy
COPY --from=build /web/dist /srv/web
COPY --from=build /web/sbom.cdx.json /srv/sbom.cdx.json
COPY docs/openapi.json /srv/docs/openapi.json
COPY deploy/local/Caddyfile /etc/caddy/Caddyfile
ENV XDG_DATA_HOME=/tmp XDG_CONFIG_HOME=/tmp KAFTALK_BIND=0.0.0.0 KAFTALK_PORT=8000 KAFTALK_WEB=/srv/web KAFTALK_DOCS=/srv/docs
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=3 \
    CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/"]
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
