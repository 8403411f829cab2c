# The built web client behind the proxy that gives everything one origin.
FROM node:24-slim AS build
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci
COPY web .
RUN npm run build

FROM caddy:2-alpine
COPY --from=build /web/dist /srv/web
COPY docs/openapi.json /srv/docs/openapi.json
COPY deploy/local/Caddyfile /etc/caddy/Caddyfile
