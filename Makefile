.DEFAULT_GOAL := help
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
# gRPC comes with the exporter of traces, which does not use it. Its own pages about itself would keep the linker from leaving
# out what nothing calls: 15 MB.
TAGS := grpcnotrace
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 30s
PLANS ?= 1000

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Run the server on an SQLite database in your data directory, http://127.0.0.1:8080
	go run ./cmd/health-export serve

.PHONY: build
build: ## Build the static binary bin/health-export
	CGO_ENABLED=0 go build -tags $(TAGS) -trimpath -ldflags "$(LDFLAGS)" -o bin/health-export ./cmd/health-export

.PHONY: test
test: ## Run every test
	scripts/test

.PHONY: test-race
test-race: ## Run every test with the race detector
	scripts/test -race -short

.PHONY: test-client
test-client: ## Type-check the TypeScript client and run its tests against a server
	scripts/client

.PHONY: fuzz
fuzz: ## Fuzz every decoder and parser, FUZZTIME (30s) each
	scripts/fuzz $(FUZZTIME)

.PHONY: nightly
nightly: ## Try 1,000 random plans of a phone (PLANS), which takes minutes
	go test ./internal/phonetest -run 'TestPhonePlans$$' -timeout 2h -plans $(PLANS)

.PHONY: bench
bench: ## Measure everything against the plainest way to do the same (BENCH=-long, -quick, -help …)
	SERVICES_DURABLE=yes scripts/services go run ./bench $(BENCH)

.PHONY: hooks
hooks: ## Let git run scripts/hooks with every commit: formatting and quick checks
	git config core.hooksPath scripts/hooks

.PHONY: format
format: ## Format the Go files
	go tool gofumpt -w .

.PHONY: lint
lint: ## Check the tracked files, formatting, vet, staticcheck and the module files
	scripts/lint

.PHONY: check-deploy
check-deploy: ## Check workflows, compose files, systemd unit, chart and manifests
	scripts/check-deploy

.PHONY: check-image
check-image: ## Build the image without Docker and prove it, on SQLite and as the chart runs it
	scripts/services scripts/check-image

.PHONY: check-rolling
check-rolling: ## Replace instances behind a balancer under load, and see that no request fails
	scripts/check-rolling

.PHONY: security
security: ## Look for known vulnerabilities and for risky code
	scripts/security

.PHONY: generate
generate: ## Write the generated documents and golden files again
	scripts/services go test ./internal/catalog ./internal/export ./internal/format ./internal/query ./internal/server ./internal/store/sqlite -update
	scripts/services go test ./internal/store/postgres -run Schema -update
	go test ./cmd/health-export -run ConfigurationDocument -update

.PHONY: verify
verify: generate ## Fail if a generated file is not the committed one
	git diff --exit-code
