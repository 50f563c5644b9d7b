# Everything around the kernel: set-up, ISOs, machines, tests.  Included by the Makefile, which
# makes $(KERNEL) and the targets guests and unit-test.

MACHINE  ?= qemu-svm
MANIFEST ?= iso/partitions.conf
ISO      ?= $(BUILD)/partita.iso
CPUS     ?= 1
MEMORY   ?= 1G
# Options on the kernel's command line; `make run` adds poweroff=idle.
OPTIONS  ?=

# Linux is fetched for the manifest that uses it; somebody else's manifest needs no network.
DEFAULT_GUESTS := $(if $(filter iso/partitions.conf,$(MANIFEST)),fetch-guests)

.PHONY: setup fetch-guests iso run debug test bench

setup:
	@tools/setup

fetch-guests: setup
	@tools/fetch-guests

# Nothing is compiled before the compiler is installed.
kernel guests: | setup
$(OBJS) $(GEN)/asm_offsets.inc: | setup

# Always made anew (it takes a fifth of a second): what it holds may have changed in ways that make
# cannot see, such as another manifest or other options.
iso: kernel guests $(DEFAULT_GUESTS)
	@tools/mkiso $(MANIFEST) $(ISO) --kernel $(KERNEL) --append '$(OPTIONS)'
	@echo "iso: $(ISO)"

# Each run makes an ISO of its own, so that several in one checkout cannot meet.  The recipe is one
# plain command: make then starts it without a shell, and a SIGTERM to make reaches it.
RUN = tools/run --machine $(MACHINE) --manifest $(MANIFEST) --kernel $(KERNEL) \
	--cpus $(CPUS) --memory $(MEMORY) $(if $(UEFI),--uefi)

run: kernel guests $(DEFAULT_GUESTS)
	@$(RUN) --append='poweroff=idle $(OPTIONS)'

debug: kernel guests $(DEFAULT_GUESTS)
	@$(RUN) --append='$(OPTIONS)' --debug

# TESTS holds arguments for pytest: make test TESTS="-k linux --engine qemu-svm"
# With DEBUG=1 every case runs the kernel that checks its locks.
test: kernel kernel-debug guests fetch-guests
	@BUILD='$(BUILD)' KERNEL='$(KERNEL)' MAKE='$(MAKE)' tools/test $(TESTS)

bench: kernel guests fetch-guests
	@tests/bench/run
