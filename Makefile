# What a person types. `make demo` and `make test` do all their set-up themselves.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
TRANSPORT ?= websocket
ROWS ?=
JSON ?= build/scenarios-$(TRANSPORT).json
ROUNDS ?= 20
CALLS ?= 300
FUZZ_SECONDS ?= 60
STATIONS ?= 5000
RATE ?= 50
CUT ?= 60

PROGRAMS := -p callbox -p callbox-hub -p callbox-load

.PHONY: help setup setup-test forget-skipped demo test nightly fresh lint unit looks screens stories scenarios brief network-test network-brief hostile hostile-brief official client bench soak load fuzz msrv board-test binaries packages package-test cross

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Install what a build and a demo need (apt, says what it does)
	@.ci/setup base

setup-test: ## … and what the tests need: a browser, a TURN server, Node and Python packages
	@.ci/setup test

demo: setup ## A panel and a hub in one terminal; prints the address to open
	@$(CARGO) build --release $(PROGRAMS)
	@target/release/callbox demo

# Tests note here what they could not run; CALLBOX_REQUIRE=1 or CI=true makes that a failure.
export CALLBOX_SKIPS ?= $(CURDIR)/build/skipped

test: forget-skipped setup-test unit looks official client scenarios brief network-brief hostile-brief ## Build and tests: everything that must hold, in under 40 minutes on two cores
	@.ci/skipped $(CALLBOX_SKIPS)

forget-skipped:
	@mkdir -p build && rm -f $(CALLBOX_SKIPS)

lint: setup ## Formatting, clippy and cargo-deny: warnings are errors. For who changes the code
	@.ci/setup lint
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	.ci/deny

unit: setup-test ## The core, the hub and the daemon, in memory and on loopback
	$(CARGO) test --workspace --locked
	node --test crates/callbox-hub/web-tests/

looks: setup-test ## The page's states in Chromium at five sizes: no control covers another one, and a group call is used by touch and keyboard
	cd tests/scenarios && node screens.mjs --check

screens: setup-test ## Pictures of the same states, light and dark: build/screens
	cd tests/scenarios && node screens.mjs

nightly: ## All that takes longer, in one go with a summary: every transport, network, board, packages, load, soak, fuzz (needs root)
	.ci/nightly

fresh: ## `make test` on a fresh DEBIAN=12 or 13, from a bare root that mmdebstrap makes (needs root)
	.ci/fresh "$(DEBIAN)"

STORIES := crates/callbox-hub/web-tests/stories/station.jsonl

stories: ## Record anew what the station does: the page's station is held to it
	mkdir -p build && rm -f build/stories.jsonl
	CALLBOX_WRITE_STORIES=$(CURDIR)/build/stories.jsonl $(CARGO) test --locked -p callbox-core --test main -- stories:: walks_of_a_page
	LC_ALL=C sort -u build/stories.jsonl > $(STORIES)

binaries: setup
	@$(CARGO) build --release --locked $(PROGRAMS)

official: setup-test binaries ## Tickets against the official implementations
	tests/official/run.sh target/release/callbox

client: setup-test binaries ## A call with a client written from docs/protocol.md alone
	tests/client/run.sh target/release

scenarios: setup-test binaries ## The scenario table: TRANSPORT=websocket (a hub), mqtt (a broker, panels only) or gateway (both)
	cd tests/scenarios && node run.mjs --transport $(TRANSPORT) $(ROWS) --bin ../../target/release --json ../../$(JSON)

brief: setup-test binaries ## A few rows of the table over each other transport
	for transport in mqtt gateway; do \
	  (cd tests/scenarios && node run.mjs --quick --transport $$transport --bin ../../target/release) || exit 1; done

network-test: setup-test binaries ## CUT=60: the network goes for so many seconds, comes back, changes; a panel is killed (needs root)
	cd tests/network && node run.mjs --cut $(CUT) --bin ../../target/release --json ../../build/network.json

network-brief: setup-test binaries
	cd tests/network && node run.mjs --short --cut 10 --bin ../../target/release

hostile: setup-test binaries ## Attackers, broken peers and other people's infrastructure: section, what, held, tried
	node tests/hostile/run.mjs --bin target/release --json build/hostile.json

hostile-brief: setup-test binaries
	node tests/hostile/run.mjs --quick --bin target/release

bench: binaries ## Early connect against none: ROUNDS=20 calls each, as a ratio in one run; and what 1 to 5 links cost the processor
	target/release/callbox demo --self-call --compare --rounds $(ROUNDS)
	$(CARGO) test --locked -p callbox --test main -- --ignored --nocapture each_further_link_costs

soak: binaries ## CALLS=300 calls in a row on one daemon: threads, descriptors, memory slope
	target/release/callbox demo --self-call --rounds $(CALLS) --soak

load: setup-test binaries ## STATIONS=5000, RATE=50 calls a second: a hub and Mosquitto side by side; latency, memory, wire, lost calls
	.ci/load $(STATIONS) $(RATE)

packages: binaries ## The packages for this machine's architecture: target/debian
	@.ci/setup packages
	@$(CARGO) run --release --locked --quiet -p callbox-manual -- build/manual
	$(CARGO) deb --no-build --no-strip --locked -p callbox
	$(CARGO) deb --no-build --no-strip --locked -p callbox-hub

package-test: packages ## … installed, upgraded, removed and purged in a Debian 12 of their own (needs root)
	tests/packages/run target/debian

cross: setup ## The packages for ARCH=arm64 or armhf, out of Debian's own parts, run under qemu-user: build/cross
	@.ci/setup cross $(ARCH)
	.ci/cross "$(ARCH)"

board-test: packages ## The daemon from its package on a virtual board in qemu (needs root)
	@.ci/setup board
	tests/board/run

fuzz: setup ## Every place where bytes enter, FUZZ_SECONDS each (builds cargo-fuzz when it is missing)
	.ci/fuzz $(FUZZ_SECONDS)

msrv: setup ## The lints with Rust 1.85, whose clippy knows others
	.ci/msrv
