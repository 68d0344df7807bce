# The container action: goldsmith and the tools it runs.
#
# Works with the classic builder too, which is what Debian 12's docker uses unless told otherwise.
# With BuildKit, `--build-arg BINARIES=IMAGE` takes the programs from an image laid out like the
# stage `build`, and skips the stages that compile them.
ARG BINARIES=build

FROM rust:1.95-bookworm AS goldsmith
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin goldsmith \
 && install -D target/release/goldsmith /out/usr/local/bin/goldsmith

FROM golang:1.26-bookworm AS tools
WORKDIR /src/tools
COPY tools .
ENV CGO_ENABLED=0 GOFLAGS=-mod=readonly \
    PACKER_PLUGIN_PATH=/out/usr/local/share/packer/plugins CHECKPOINT_DISABLE=1
RUN cd packer \
 && go build -trimpath -ldflags "-s -w" -o /out/usr/local/bin/packer github.com/hashicorp/packer \
 && install -Dm 644 "$(go list -m -f '{{.Dir}}' github.com/hashicorp/packer)/LICENSE" /out/usr/share/doc/packer/LICENSE
RUN cd packer-plugin-qemu \
 && go build -trimpath -ldflags "-s -w" -o /tmp/packer-plugin-qemu github.com/hashicorp/packer-plugin-qemu \
 && /out/usr/local/bin/packer plugins install --path /tmp/packer-plugin-qemu github.com/hashicorp/qemu \
 && install -Dm 644 "$(go list -m -f '{{.Dir}}' github.com/hashicorp/packer-plugin-qemu)/LICENSE" \
      /out/usr/share/doc/packer-plugin-qemu/LICENSE
RUN cd trivy \
 && version=$(go list -m -f '{{slice .Version 1}}' github.com/aquasecurity/trivy) \
 && GOEXPERIMENT=jsonv2 go build -trimpath \
      -ldflags "-s -w -X github.com/aquasecurity/trivy/pkg/version/app.ver=$version" \
      -o /out/usr/local/bin/trivy github.com/aquasecurity/trivy/cmd/trivy \
 && install -Dm 644 "$(go list -m -f '{{.Dir}}' github.com/aquasecurity/trivy)/LICENSE" /out/usr/share/doc/trivy/LICENSE

FROM scratch AS build
COPY --from=goldsmith /out /
COPY --from=tools /out /

FROM ${BINARIES} AS bin

FROM debian:bookworm-slim
# Packer is not open source: its licence (BUSL 1.1) forbids some uses, and must be shown.
LABEL org.opencontainers.image.title="goldsmith" \
      org.opencontainers.image.description="goldsmith, with Packer (BUSL-1.1: /usr/share/doc/packer/LICENSE), its QEMU plugin (MPL-2.0) and Trivy (Apache-2.0)" \
      org.opencontainers.image.licenses="(Apache-2.0 OR MIT) AND BUSL-1.1 AND MPL-2.0 AND Apache-2.0"
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates git openssh-client ovmf qemu-system-x86 qemu-utils xorriso \
 && rm -rf /var/lib/apt/lists/*
COPY --from=bin / /
ENV PACKER_PLUGIN_PATH=/usr/local/share/packer/plugins CHECKPOINT_DISABLE=1
# No shell in between: it would lose inputs whose names it does not like, and signals.
ENTRYPOINT ["/usr/local/bin/goldsmith", "action"]
