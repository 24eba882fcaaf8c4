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
SYSUSERSDIR ?= /usr/lib/sysusers.d
TMPFILESDIR ?= /usr/lib/tmpfiles.d
# Where the program looks for recipes of images, and they for configuration.
SHAREDIR ?= /usr/share/conpaas
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d

# The program that is installed, and what runs it here when it is for another
# machine, such as qemu-aarch64-static: it makes its own completion and manual.
PROGRAM ?= $(RELEASE)
RUN ?=
# Other names that the program answers to.
CLIENTS := tools application cloud director generic helloworld java mysql php service storage user volume xtreemfs

# The nutshell: its cloud (lxc needs root, process does not) and, if it shall
# keep to itself, the name of a network namespace.
CLOUD ?= lxc
NETNS ?=
# With CLOUD=openstack: where the whole OpenStack is, and lite (less memory) or full (as in a cloud of many machines).
OPENSTACK ?= /var/lib/conpaas/nutshell-openstack
MODE ?= lite
# Root file system of the containers; built once, built again when its recipe changes.
IMAGE ?= /var/lib/conpaas/images/services
# Kinds of service that containers have packages for; "development" has tools to look around with.
SERVICES ?= generic,helloworld,development

# For which machines `cross` and `dist` build, by Debian's names.
ARCH ?= amd64 arm64 armhf

# Which images, and for which of the machines that their recipes offer.
IMAGES ?= services rpi-standalone nutshell
IMAGE_ARCH ?= amd64 arm64
COMPRESS ?= xz
# Kinds of service that their containers have packages for (all by default), with commas.
KINDS ?=
# Images are made by the program that was built for this machine.
HOST_ARCH := $(shell dpkg --print-architecture)
IMAGER := target/cross/$(HOST_ARCH)/conpaas
COMMA := ,
SPACE := $(subst ,, )

# Which proofs `test-images` makes (all by default), and images for which machines they need.
PROOFS ?=
PROOF_ARCH := $(sort $(HOST_ARCH) arm64 $(if $(PROOFS),$(filter armhf,$(PROOFS)),armhf))

RELEASE := target/release/conpaas
# The program of the nutshell is built in a few minutes; what is shipped takes its time to become small.
QUICK := target/nutshell/conpaas
BEGAN := $(shell date +%s)
IS_ROOT := $(filter 0,$(shell id -u))

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r word meaning; do \
		printf '  make %-12s %s\n' "$$word" "$$meaning"; done

.PHONY: nutshell
nutshell: nutshell-may-run ## a whole ConPaaS on this machine, with a program running in it
	@.ci/stage 'Debian packages' .ci/deps build $(CLOUD) $(if $(filter lxc openstack,$(CLOUD)),image)
	@.ci/stage 'the program' $(CARGO) build --profile nutshell --locked
ifneq ($(filter lxc openstack,$(CLOUD)),)
	@.ci/stage 'the root file system of containers' \
		$(QUICK) image build services --service $(SERVICES) --to $(IMAGE)
endif
ifeq ($(CLOUD),openstack)
	@.ci/stage 'OpenStack, director and example' \
		images/nutshell-openstack/nutshell --directory $(OPENSTACK) up --mode $(MODE) --program $(QUICK) --image $(IMAGE)
else
	@.ci/stage 'the director' \
		$(QUICK) nutshell up --cloud $(CLOUD) $(if $(NETNS),--netns $(NETNS)) $(if $(filter lxc,$(CLOUD)),--image $(IMAGE))
	@.ci/stage 'the example' $(QUICK) nutshell demo --cloud $(CLOUD) $(if $(NETNS),--netns $(NETNS))
endif
	@.ci/stage --since $(BEGAN) 'all of it'

.PHONY: nutshell-may-run
nutshell-may-run:
ifeq ($(IS_ROOT)$(filter process,$(CLOUD)),)
	@echo 'make nutshell makes containers, and that takes root:   sudo make nutshell'
	@echo 'or let the nodes be plain processes of yours instead:  make nutshell CLOUD=process'
	@exit 1
endif

.PHONY: nutshell-down
nutshell-down: ## end the nutshell and leave nothing of it but its data
ifeq ($(CLOUD),openstack)
	images/nutshell-openstack/nutshell --directory $(OPENSTACK) down --program $(QUICK) $(if $(PURGE),--purge)
else
	$(QUICK) nutshell down --cloud $(CLOUD) $(if $(NETNS),--netns $(NETNS))
endif

.PHONY: build
build: ## the program, as it is shipped
	@.ci/deps build
	$(CARGO) build --release --locked

.PHONY: image
image: build ## the root file system of the containers (root)
	@.ci/deps image
	$(RELEASE) image build services --service $(SERVICES) --to $(IMAGE)

.PHONY: deps
deps: ## install the Debian packages that are missing (root), or say which
	@.ci/deps

.PHONY: test
test: deps lint doc ## everything that is checked: form, lints, unit, integration and end-to-end tests
	.ci/test

.PHONY: test-ec2
test-ec2: deps ## nodes and volumes on EC2, against moto, a mock of it
	tests/support/ec2/prepare
	$(CARGO) test --locked --test it -- ec2::

# For how long `test-data` kills one server after the other, and how often then all of them at once.
MINUTES ?= 10
TIMES ?= 20

.PHONY: test-data
test-data: deps ## a cluster of three whose servers are killed for ten minutes under writes, then all at once twenty times (root)
	CONPAAS_TEST_LONG=1 CONPAAS_TEST_MINUTES=$(MINUTES) CONPAAS_TEST_AT_ONCE=$(TIMES) \
		$(CARGO) test --locked --test e2e -- --nocapture e2e::mysql::

.PHONY: lint
lint: ## form and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

.PHONY: fmt
fmt: ## put the form right
	$(CARGO) fmt

# Some of what `make bench` measures (all by default): nodes web frontend mysql storage
PARTS ?=

.PHONY: bench
bench: deps ## how fast and how big, against floors measured in the same run (root)
	$(if $(filter nodes web frontend,$(or $(PARTS),nodes)),$(CARGO) bench --locked --bench conpaas -- $(filter-out mysql storage,$(PARTS)))
	$(foreach part,$(filter mysql storage,$(or $(PARTS),mysql storage)),CONPAAS_BENCH=1 \
		$(CARGO) test --profile bench --locked --test e2e -- --nocapture e2e::$(part)::rates &&) true

# `bench` is the program as it is shipped; `dev` is there after `make test`.
ATTACK_PROFILE ?= bench
# `full`, or `short`: everything once, in two minutes.
ATTACK_FORM ?= full
# Some of them by their names (all by default), how often something is killed, and the seed of its choices.
ATTACKS ?=
KILLS ?=
SEED ?=

.PHONY: attack
attack: deps ## what tenants and strangers can do, and what others notice of it (root; ATTACK_FORM=short, ATTACKS="kills", KILLS=300)
	$(CARGO) bench --locked --profile $(ATTACK_PROFILE) --bench attack -- $(if $(filter short,$(ATTACK_FORM)),--short) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(ATTACKS)

.PHONY: doc
doc: ## the documentation of the code, in target/doc
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --no-deps --locked --document-private-items

.PHONY: cross
cross: ## the program for every board: static, in target/cross/ARCH (ARCH="amd64 arm64 armhf")
	@.ci/deps build cross
	cross/build $(ARCH)

.PHONY: dist
dist: cross ## Debian packages and archives of it, in target/dist
	@.ci/deps dist
	.ci/dist $(ARCH)

.PHONY: test-dist
test-dist: ## tries the package on a machine of its own: installed, used, upgraded, removed, purged (root)
	$(MAKE) dist ARCH=$(HOST_ARCH)
	@.ci/deps test
	lintian --allow-root --fail-on error target/dist/conpaas_*_$(HOST_ARCH).deb
	CONPAAS_PACKAGE="$$(ls $(CURDIR)/target/dist/conpaas_*_$(HOST_ARCH).deb | tail -n 1)" \
		$(CARGO) test --locked --test e2e -- package::

# The recipes know for which machines they are; see images/ and docs/images.md.
.PHONY: images
images: ## what is flashed, imported and uploaded: services, rpi-standalone, nutshell (root; IMAGE_ARCH="arm64 amd64 armhf")
	$(MAKE) dist ARCH="$(sort $(HOST_ARCH) $(IMAGE_ARCH))"
	@.ci/deps image images
	$(IMAGER) image build $(IMAGES) --arch $(subst $(SPACE),$(COMMA),$(strip $(IMAGE_ARCH))) --compress $(COMPRESS) \
		$(if $(KINDS),--service $(KINDS))

.PHONY: test-images
test-images: ## boots the images in QEMU and looks whether they work (root; PROOFS="arm64 pi3 …" for some of it)
	$(MAKE) images COMPRESS=none IMAGE_ARCH="$(PROOF_ARCH)" IMAGES="rpi-standalone nutshell"
	@.ci/deps test boot
	$(CARGO) test --locked --test images -- $(PROOFS)

.PHONY: test-compute
test-compute: ## boots the image of a compute node, which joins a real OpenStack that is started for it (root)
	$(MAKE) images COMPRESS=none IMAGE_ARCH=arm64 IMAGES="services rpi-compute"
	@.ci/deps test boot
	$(CARGO) test --locked --no-run --test images
	@trap 'images/nutshell-openstack/openstack --directory $(OPENSTACK)-backend down --purge' EXIT; set -x; \
	images/nutshell-openstack/openstack --directory $(OPENSTACK)-backend up --mode full; \
	CONPAAS_OPENSTACK=$(OPENSTACK)-backend images/nutshell-openstack/openstack --directory $(OPENSTACK)-backend run --network \
		$(CARGO) test --locked --test images

.PHONY: test-browser
test-browser: ## the pages in Debian's Chromium, where no way leads out (root)
	@.ci/deps browser
	@.ci/axe
	tests/support/oidc/prepare
	$(CARGO) test --locked --test browser --no-run
	unshare --net sh -c 'ip link set lo up && exec $(CARGO) test --locked --offline --test browser'

.PHONY: pictures
pictures: ## the pictures in docs/web.md, made anew (root)
	@.ci/deps browser
	$(CARGO) test --locked --test browser --no-run
	mkdir -p docs/pictures/web
	CONPAAS_PICTURES=$(CURDIR)/docs/pictures/web unshare --net sh -c \
		'ip link set lo up && exec $(CARGO) test --locked --offline --test browser pictures::'

.PHONY: test-openstack
test-openstack: deps ## against a real OpenStack, which is started for it and ended after it (root; MODE=full, TESTS="cloud::" or "--skip killed")
	@trap 'images/nutshell-openstack/openstack --directory $(OPENSTACK)-test down' EXIT; set -x; \
	images/nutshell-openstack/openstack --directory $(OPENSTACK)-test up --mode $(MODE); \
	CONPAAS_OPENSTACK=$(OPENSTACK)-test $(CARGO) test --locked --test openstack -- --test-threads=1 $(TESTS)

# The one list of what belongs on a machine: `make dist` packs what this installs.
.PHONY: install
install: ## the program, its other names, units, manual, completion, documents (run `make build` first)
	install -D -m 0755 $(PROGRAM) $(DESTDIR)$(BINDIR)/conpaas
	for name in $(CLIENTS); do ln -sf conpaas $(DESTDIR)$(BINDIR)/cps-$$name; done
	install -d -m 0755 $(DESTDIR)$(UNITDIR)
	for unit in $(wildcard systemd/*.service systemd/*.socket systemd/*.path systemd/*.timer); do \
		sed 's#/usr/bin/conpaas#$(BINDIR)/conpaas#' $$unit > $(DESTDIR)$(UNITDIR)/$${unit##*/}; done
	install -D -m 0644 systemd/conpaas.tmpfiles $(DESTDIR)$(TMPFILESDIR)/conpaas.conf
	install -D -m 0644 systemd/conpaas.sysusers $(DESTDIR)$(SYSUSERSDIR)/conpaas.conf
	install -d -m 0755 $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	$(RUN) $(PROGRAM) completion bash $(DESTDIR)$(BASHDIR)
	$(RUN) $(PROGRAM) completion zsh $(DESTDIR)$(ZSHDIR)
	$(RUN) $(PROGRAM) completion fish $(DESTDIR)$(FISHDIR)
	$(RUN) $(PROGRAM) manual $(DESTDIR)$(MANDIR)
	gzip -9nf $(DESTDIR)$(MANDIR)/man1/conpaas*.1 $(DESTDIR)$(MANDIR)/man5/{director.cfg,cps-tools.conf,conpaas.txt}.5
	ln -sf conpaas.1.gz $(DESTDIR)$(MANDIR)/man1/cps-tools.1.gz
	for name in $(filter-out tools,$(CLIENTS)); do \
		ln -sf conpaas-$$name.1.gz $(DESTDIR)$(MANDIR)/man1/cps-$$name.1.gz; done
	install -d -m 0755 $(DESTDIR)$(SHAREDIR)/images
	cp -r --preserve=mode images/. $(DESTDIR)$(SHAREDIR)/images
	rm -r $(DESTDIR)$(SHAREDIR)/images/nutshell-openstack # belongs to `make nutshell CLOUD=openstack` alone
	install -m 0644 config/conpaas.txt config/chrony.conf $(DESTDIR)$(SHAREDIR)
	install -m 0755 config/firstrun.sh $(DESTDIR)$(SHAREDIR)
	install -d -m 0755 $(DESTDIR)$(DOCDIR)/{config,docs,examples/{hello-web,mediawiki,wordpress}}
	install -m 0644 LICENSE $(DESTDIR)$(DOCDIR)
	# The source is not on the machine: its names stay, without a way to it.
	sed 's#\[\(src/[^]]*\)\](src/[^)]*)#\1 of the source#' README.md > $(DESTDIR)$(DOCDIR)/README.md
	cp -r --preserve=mode docs/. $(DESTDIR)$(DOCDIR)/docs
	install -m 0644 config/director.cfg config/cps-tools.conf config/conpaas.txt config/chrony.conf $(DESTDIR)$(DOCDIR)/config
	# Not what people fetched into them.
	for example in hello-web mediawiki wordpress; do \
		find examples/$$example -type f ! -name '*.tar' -exec cp -p -t $(DESTDIR)$(DOCDIR)/examples/$$example {} +; done

.PHONY: clean
clean: ## remove what was built here (not images, not the nutshell)
	$(CARGO) clean
