# One target directory for all clones on a machine: a fresh clone compiles only goldsmith itself.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/goldsmith/target

ADVISORIES = $(CARGO_TARGET_DIR)/demo-advisories
USE_TOOLS = eval "$$(tools/install --env)"

.PHONY: help demo demo-live test lint bench clean

help:
	@echo 'make demo       builds, gates and publishes a small image, offline; ARGS=--force builds it again'
	@echo 'make demo-live  the same, judged by the advisory database of today'
	@echo 'make test       everything that a change has to pass'
	@echo 'make lint       the part of it that takes seconds'
	@echo 'make bench      measurements'
	@echo 'make clean      removes what the demo made and what was compiled here; the tools stay'

demo:
	tools/install
	cargo build
	cargo run --quiet --package goldsmith-testkit --bin advisory-db -- examples/demo/advisories.json $(ADVISORIES)
	$(USE_TOOLS) && cargo run --quiet -- -C examples/demo run --db $(ADVISORIES) $(ARGS)

demo-live:
	tools/install
	cargo build
	$(USE_TOOLS) && cargo run --quiet -- -C examples/demo run $(ARGS)

test:
	.ci/run

lint:
	.ci/run lint

bench:
	tools/install
	$(USE_TOOLS) && cargo bench --bench plan --bench parallel --bench logs --bench evidence --bench rescan --bench registry --bench upload --bench overhead

clean:
	cargo clean --workspace
	rm -rf $(ADVISORIES)
	git clean -fdXq examples
