# Builds the page of the live room, and runs the server with production dependencies only.
FROM node:20.20-bookworm-slim AS source
WORKDIR /app
ENV NODE_ENV=development
COPY package.json package-lock.json prisma.config.ts ./
COPY prisma/schema.prisma ./prisma/
# The install scripts of dependencies are not needed; ours generates the Prisma client.
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM source AS build
COPY . .
RUN npm run generate && npm run generate:documents && npm run build:room

FROM node:20.20-bookworm-slim AS production
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:20.20-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production PORT=4000 METRICS_PORT=9464 DATA_DIR=/data HOST=0.0.0.0 SIMULATE=off
COPY --from=production /app/node_modules ./node_modules
COPY --from=build /app/package.json /app/tsconfig.json ./
COPY --from=build /app/prisma ./prisma
COPY --from=build /app/src ./src
COPY --from=build /app/examples ./examples
# Nothing is written below /app. DATA_DIR is only used where VOUCHER_SECRET is not set.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# tini passes SIGTERM on and waits for orphans; the server itself is the child, without npm between.
ENTRYPOINT ["tini", "--"]
CMD ["node", "--import", "tsx", "src/main.ts"]
