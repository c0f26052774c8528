# A static binary on an empty image. Build it with `docker compose up -d --build`.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
WORKDIR /src
# The target is named so that the flags hold for the program and not for the macros that run while compiling.
ENV RUSTFLAGS="-C target-feature=+crt-static"
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]

# The dependencies first, with empty sources: Docker keeps this layer until Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked --bin ai-gateway --target "$(rustc -vV | sed -n 's/^host: //p')" \
 && rm -r src

COPY src ./src
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
 && touch src/main.rs src/lib.rs \
 && cargo build --release --locked --bin ai-gateway --target "$target" \
 && install -D -m 0555 "target/$target/release/ai-gateway" /out/ai-gateway

FROM scratch
LABEL org.opencontainers.image.title="ai-gateway" \
      org.opencontainers.image.description="Self-hosted OpenAI-compatible AI gateway" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /out/ai-gateway /ai-gateway
# The C library gives large bodies back to the system when they are let go, rather than keep what was theirs.
ENV HOST=0.0.0.0 PORT=8000 MALLOC_MMAP_THRESHOLD_=1048576
EXPOSE 8000
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/ai-gateway", "health"]
ENTRYPOINT ["/ai-gateway"]
CMD ["serve"]
