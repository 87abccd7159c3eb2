# The server and nothing else: built in one stage, its production dependencies fetched in another. docker-compose.yml runs it.

# Every test runs on this line of Node.js.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without scripts: `prepare` would build, and there is nothing to build yet; native parts come prebuilt in their packages.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
# What of others it is made of and built with, as CycloneDX: for whoever asks which versions run.
RUN npm run --silent sbom > sbom.cdx.json

FROM node:24-slim
# A new volume takes over owner and mode of the folder that it is mounted on, so that user 1000 may write to it.
RUN install -d -o 1000 -g 1000 /var/lib/trebuchet/data /var/lib/trebuchet/packages /srv/site
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=dependencies /app/sbom.cdx.json ./
COPY --from=build /app/dist ./dist
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    CONFIG_DIR=/etc/trebuchet \
    DATA_DIR=/var/lib/trebuchet/data
EXPOSE 8080
# The image's user `node`, by number, so that whoever runs it can see that it is not root.
USER 1000:1000
# Over TLS too, if that is on; whose certificate it is does not matter within the container.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "const tls = process.env.TLS_CERT || process.env.TLS_CERT_FILE; require(tls ? 'node:https' : 'node:http').get(`http${tls ? 's' : ''}://127.0.0.1:${process.env.PORT}/health/ready`, { rejectUnauthorized: false, signal: AbortSignal.timeout(4000) }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# As `npm start` does, but without npm, which would stand between the server and its signals.
CMD ["node", "--max-semi-space-size=2", "--initial-old-space-size=32", "dist/src/server.js"]
