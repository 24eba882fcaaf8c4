# ConPaaS, one word for each thing that is done to it. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
DESTDIR ?=
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DOCDIR ?= $(PREFIX)/share/doc/conpaas
UNITDIR ?= /usr/lib/systemd/system
TMPFILESDIR ?= /usr/lib/tmpfiles.d
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

# The nutshell: its cloud (lxc needs root, process does not) and, if it shall
# keep to itself, the name of a network namespace.
CLOUD ?= lxc
NETNS ?=
# Root file system of the containers; built once, built again when its recipe changes.
IMAGE ?= /var/lib/conpaas/images/services

# For which machines `cross` and `dist` build, by Debian's names.
ARCH ?= amd64 arm64 armhf

RELEASE := target/release/conpaas
IS_ROOT := $(filter 0,$(shell id -u))

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r word meaning; do \
		printf '  make %-12s %s\n' "$$word" "$$meaning"; done

.PHONY: nutshell
nutshell: nutshell-may-run deps build $(if $(filter lxc,$(CLOUD)),image) ## a whole ConPaaS on this machine, with a program running in it
	$(RELEASE) nutshell up --cloud $(CLOUD) $(if $(NETNS),--netns $(NETNS)) $(if $(filter lxc,$(CLOUD)),--image $(IMAGE))
	$(RELEASE) nutshell demo --cloud $(CLOUD) $(if $(NETNS),--netns $(NETNS))

.PHONY: nutshell-may-run
nutshell-may-run:
ifeq ($(IS_ROOT)$(filter process,$(CLOUD)),)
	@echo 'make nutshell makes containers, and that takes root:   sudo make nutshell'
	@echo 'or let the nodes be plain processes of yours instead:  make nutshell CLOUD=process'
	@exit 1
endif

.PHONY: nutshell-down
nutshell-down: ## end the nutshell and leave nothing of it but its data
	$(RELEASE) nutshell down --cloud $(CLOUD) $(if $(NETNS),--netns $(NETNS))

.PHONY: build
build: deps ## the program, as it is shipped
	$(CARGO) build --release --locked

.PHONY: image
image: ## the root file system of the containers (root)
	images/services/build $(IMAGE)

.PHONY: deps
deps: ## install the Debian packages that are missing (root), or say which
	@.ci/deps

.PHONY: test
test: deps lint doc ## everything that is checked: form, lints, unit, integration and end-to-end tests
	.ci/test

.PHONY: lint
lint: ## form and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

.PHONY: fmt
fmt: ## put the form right
	$(CARGO) fmt

.PHONY: bench
bench: deps ## how fast and how big, against floors measured in the same run (root)
	$(CARGO) bench --locked --bench conpaas

.PHONY: doc
doc: ## the documentation of the code, in target/doc
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --no-deps --locked --document-private-items

.PHONY: cross
cross: ## the program for every board: static, in target/cross/ARCH (ARCH="amd64 arm64 armhf")
	@.ci/deps test cross
	cross/build $(ARCH)

.PHONY: install
install: ## the program, its client names, configuration, units, completion (run `make build` first)
	install -D -m 0755 $(RELEASE) $(DESTDIR)$(BINDIR)/conpaas
	for name in tools application cloud director generic helloworld service user; do \
		ln -sf conpaas $(DESTDIR)$(BINDIR)/cps-$$name; done
	for file in director.cfg cps-tools.conf; do \
		install -D -m 0644 config/$$file $(DESTDIR)$(DOCDIR)/$$file; done
	for file in README.md LICENSE; do install -D -m 0644 $$file $(DESTDIR)$(DOCDIR)/$$file; done
	install -d -m 0755 $(DESTDIR)$(UNITDIR) $(DESTDIR)$(COMPLETIONDIR)
	$(RELEASE) completion bash > $(DESTDIR)$(COMPLETIONDIR)/conpaas
	sed 's#/usr/bin/conpaas#$(BINDIR)/conpaas#' systemd/conpaas-director.service \
		> $(DESTDIR)$(UNITDIR)/conpaas-director.service
	install -D -m 0644 systemd/conpaas.tmpfiles $(DESTDIR)$(TMPFILESDIR)/conpaas.conf

.PHONY: clean
clean: ## remove what was built here (not images, not the nutshell)
	$(CARGO) clean
