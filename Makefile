# What a developer types. Everything a target needs is installed by it, and it
# says what. "make run" shows Arengo with an invented town; "make test" proves it.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:8080
PACKAGES ?= ./...
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# In continuous integration a missing browser, database or peer is a failure.
ifeq ($(CI),true)
export ARENGO_TEST_STRICT := 1
endif

ASSET_SOURCES := $(shell find internal/web/assets/src -type f) $(shell find internal cmd -type f \( -name '*.html' -o -name '*.go' \) 2>/dev/null) scripts/assets.mjs
MANIFEST := internal/web/assets/dist/manifest.json
NOTICES := internal/licence/dist/notices.json.gz

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: run
run: build ## Arengo with an invented town on http://127.0.0.1:8080
	exec bin/arengo demo --listen $(LISTEN)

.PHONY: build
build: assets ## the program, bin/arengo
	@scripts/ensure.sh go
	go build -trimpath -o bin/arengo ./cmd/arengo

.PHONY: assets
assets: $(MANIFEST) $(NOTICES) ## style sheets, scripts, fonts and icons, and the licences of all

$(MANIFEST): node_modules/.package-lock.json $(ASSET_SOURCES)
	npm run --silent build

$(NOTICES): $(MANIFEST) go.mod go.sum LICENSE
	@scripts/ensure.sh go
	go run ./scripts/notices $@

# No install script of any package runs: none is needed.
node_modules/.package-lock.json: package.json package-lock.json
	@scripts/ensure.sh node
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: peers
peers: ## the real servers that tests talk to
	@if [ -x scripts/peers.sh ]; then scripts/ensure.sh node compiler && scripts/peers.sh; fi

.PHONY: test
test: assets peers ## every test, on both databases, in a browser, with real peers
	@scripts/ensure.sh go browser postgres java smtp xml imap mta trace nginx caddy systemd
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	scripts/postgres.sh bash -o pipefail -c 'go test -json -p 3 -timeout 15m $(PACKAGES) | go run ./scripts/testsummary'
	scripts/postgres.sh bash -o pipefail -c "go test -short -run '^$$' -bench . -benchtime 1x -timeout 10m $(PACKAGES) | { grep -v 'no test files' || true; }"

.PHONY: bench
bench: build ## the figures of the README
	@scripts/ensure.sh go postgres nginx wrk smtp
	scripts/postgres.sh go test -run '^$$' -bench . -benchmem -timeout 30m $(PACKAGES)
	@if [ -x scripts/bench.sh ]; then scripts/bench.sh; fi

.PHONY: crash
crash: build peers ## the server killed and paused three hundred times on each database while messages go out
	@scripts/ensure.sh go postgres smtp trace
	ARENGO_TEST_CRASHES=300 scripts/postgres.sh bash -o pipefail -c "go test -json -count 1 -timeout 240m -run 'Crash|Killed' $(PACKAGES) | go run ./scripts/testsummary"

.PHONY: fmt
fmt: ## format the Go code
	gofmt -w $$(git ls-files '*.go')

.PHONY: lint
lint: ## go vet, gofmt and staticcheck
	@scripts/ensure.sh go
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet $(PACKAGES)
	go run $(STATICCHECK) $(PACKAGES)

.PHONY: clean
clean: ## removes what was built
	rm -rf bin screenshots node_modules
	find internal/web/assets/dist -type f ! -name .keep -delete
	rm -f $(NOTICES)
