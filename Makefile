# Builds, tests, installs and packages visorfs.
#
#   make                      bin/visorfs, for this machine
#   make install PREFIX=/usr/local [DESTDIR=...]
#   make binaries             dist/visorfs-SYSTEM-ARCHITECTURE
#   make package              dist/*.deb and dist/*.rpm
#   make test                 every check, see scripts/test
#
# Two builds of one commit are equal, wherever and whenever they are made. The version is
# that of the tag, or made of the commit, as the Go toolchain does.

GO ?= go
PREFIX ?= /usr/local
DIST ?= dist
TARGETS ?= linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
ARCHITECTURES ?= amd64 arm64

BUILD = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags='-s -w'
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: build binaries docs install package test FORCE

build:
	$(BUILD) -o bin/visorfs ./cmd/visorfs

binaries: $(TARGETS:%=$(DIST)/visorfs-%)

$(DIST)/visorfs-%: FORCE
	target=$*; GOOS=$${target%-*} GOARCH=$${target#*-} $(BUILD) -o $@ ./cmd/visorfs

# What the program itself writes: the manual, and completions for shells.
docs: build
	rm -rf $(DIST)/man $(DIST)/completions
	mkdir -p $(DIST)/completions
	bin/visorfs man $(DIST)/man
	cp packaging/man/* $(DIST)/man/
	bin/visorfs completion bash >$(DIST)/completions/visorfs
	bin/visorfs completion zsh >$(DIST)/completions/_visorfs
	bin/visorfs completion fish >$(DIST)/completions/visorfs.fish

install: docs
	install -D -m 755 bin/visorfs $(DESTDIR)$(PREFIX)/bin/visorfs
	install -d $(SHARE)/man/man1 $(SHARE)/man/man8
	install -m 644 $(DIST)/man/*.1 $(SHARE)/man/man1/
	install -m 644 $(DIST)/man/*.8 $(SHARE)/man/man8/
	install -D -m 644 $(DIST)/completions/visorfs $(SHARE)/bash-completion/completions/visorfs
	install -D -m 644 $(DIST)/completions/_visorfs $(SHARE)/zsh/site-functions/_visorfs
	install -D -m 644 $(DIST)/completions/visorfs.fish $(SHARE)/fish/vendor_completions.d/visorfs.fish

package: docs $(ARCHITECTURES:%=$(DIST)/visorfs-linux-%)
	DIST=$(DIST) packaging/package $(ARCHITECTURES)

test:
	scripts/test
