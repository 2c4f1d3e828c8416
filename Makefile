# Thin on purpose: `go` is the build. Every target does the set-up that it needs.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMON  := github.com/prometheus/common/version
LDFLAGS := -s -w -X $(COMMON).Version=$(VERSION) -X $(COMMON).Revision=$(shell git rev-parse HEAD 2>/dev/null) -X $(COMMON).Branch=$(shell git rev-parse --abbrev-ref HEAD 2>/dev/null)
MODE    ?= approve
KEEP    ?=

.PHONY: build demo test test-real bench lint fmt

build: ## bin/ripcord, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ripcord ./cmd/ripcord

demo: build ## the fraud story on this machine; MODE=auto needs no click, KEEP=1 stays up
	./bin/ripcord demo --mode $(MODE) $(if $(KEEP),--keep)

test: ## everything hermetic, with the race detector
	$(GO) vet ./...
	$(GO) test -race ./...
	$(GO) test -tags crashpoint -run Crash ./internal/realtest/...

test-real: ## against real foreign servers; none is skipped
	$(GO) test -tags real -count=1 -timeout 20m ./internal/realtest/... ./internal/cluster/...

bench: build ## each figure with its ratio, its goal, and whether it is met; about 6 minutes
	$(GO) test -tags bench -count=1 -v -timeout 30m ./internal/bench
	$(GO) test -run '^$$' -bench . -benchtime 1s ./rules ./rules/window ./triggers

lint: ## pinned in .tools/lint
	$(GO) tool -modfile=.tools/lint/go.mod golangci-lint run ./...

fmt:
	$(GO) tool -modfile=.tools/lint/go.mod golangci-lint fmt ./...
