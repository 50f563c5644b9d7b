# The small guests. Included by the top Makefile; also works alone:
#	make -f guests/guests.mk guests BUILD=build
# Each guest is a folder guests/NAME whose .c and .asm files are linked with guests/lib into
# $(BUILD)/guests/NAME.elf (Multiboot) or, for boot sectors, NAME.bin.

BUILD ?= build
GUEST_CC ?= $(CC)
GUEST_LD ?= ld
GUEST_AR ?= ar
GUEST_NASM ?= nasm
GUEST_OBJCOPY ?= objcopy
GUEST_OUT := $(BUILD)/guests

GUESTS_64 := hello64 exits triplefault reset mmio irq fpu spin halt noise echo bench hostile \
	count smp smp-fault
GUESTS_32 := hello32
GUESTS_MB2 := hello-mb2
GUESTS_16 := hello16

# General registers only: the x87/SSE/AVX state belongs to the guest that tests it, and no trap
# handler has to save it. No red zone: a trap would overwrite it.
GUEST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-fcf-protection=none -mgeneral-regs-only -Iguests/lib -MMD -MP
GUEST_CFLAGS_64 := $(GUEST_CFLAGS) -m64 -mno-red-zone -mcmodel=small
GUEST_CFLAGS_32 := $(GUEST_CFLAGS) -m32 -march=i686
GUEST_NASMFLAGS := -Werror \
	-Iguests/lib/ -Iguests/
GUEST_LDFLAGS := -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 \
	-T guests/lib/guest.ld

GUEST_INCS := guests/lib/header.asm $(wildcard guests/*/*.inc)
GUEST_LIB_C := $(wildcard guests/lib/*.c)
GUEST_LIB_64 := $(patsubst guests/%.c,$(GUEST_OUT)/obj64/%.o,$(GUEST_LIB_C)) \
	$(addprefix $(GUEST_OUT)/obj64/lib/, isr.o ap.o)
# An archive: a guest is linked with what it uses.
GUEST_LIB_A := $(GUEST_OUT)/obj64/lib.a
GUEST_LIB_32 := $(addprefix $(GUEST_OUT)/obj32/lib/, \
	check.o cmdline.o hello.o main.o print.o serial.o string.o where.o)

# the objects of guest $(1) in object folder $(2)
guest_objects = $(patsubst guests/%,$(GUEST_OUT)/$(2)/%.o, \
	$(basename $(wildcard guests/$(1)/*.c guests/$(1)/*.asm)))

GUEST_FILES := $(patsubst %,$(GUEST_OUT)/%.elf,$(GUESTS_64) $(GUESTS_32) $(GUESTS_MB2)) \
	$(patsubst %,$(GUEST_OUT)/%.bin,$(GUESTS_16))

.PHONY: guests
guests: $(GUEST_FILES)

$(GUEST_OUT)/obj64/%.o: guests/%.c guests/guests.mk
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(GUEST_CC) $(GUEST_CFLAGS_64) -c $< -o $@

$(GUEST_OUT)/obj32/%.o: guests/%.c guests/guests.mk
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(GUEST_CC) $(GUEST_CFLAGS_32) -c $< -o $@

$(GUEST_OUT)/obj64/%.o: guests/%.asm $(GUEST_INCS) guests/guests.mk
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@$(GUEST_NASM) -f elf64 $(GUEST_NASMFLAGS) $< -o $@

$(GUEST_OUT)/obj32/%.o: guests/%.asm $(GUEST_INCS) guests/guests.mk
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@$(GUEST_NASM) -f elf32 $(GUEST_NASMFLAGS) $< -o $@

$(GUEST_OUT)/objmb2/lib/start.o: guests/lib/start.asm $(GUEST_INCS) guests/guests.mk
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@$(GUEST_NASM) -f elf64 $(GUEST_NASMFLAGS) -DMULTIBOOT2 $< -o $@

$(GUEST_LIB_A): $(GUEST_LIB_64)
	@rm -f $@
	@$(GUEST_AR) rcs $@ $^

# Multiboot 1 knows 32-bit ELF only (QEMU's -kernel insists), so 64-bit code travels in a 32-bit
# container. The .elf64 beside it keeps the symbols for a debugger.
define guest_rule_64
$(GUEST_OUT)/$(1).elf64: $(GUEST_OUT)/obj64/lib/start.o $(call guest_objects,$(1),obj64) \
		$(GUEST_LIB_A) guests/lib/guest.ld
	@echo "  LD      $$@"
	@$(GUEST_LD) -m elf_x86_64 $(GUEST_LDFLAGS) $$(filter %.o %.a,$$^) -o $$@
endef
$(foreach guest,$(GUESTS_64),$(eval $(call guest_rule_64,$(guest))))

$(patsubst %,$(GUEST_OUT)/%.elf,$(GUESTS_64)): %.elf: %.elf64
	@$(GUEST_OBJCOPY) -O elf32-i386 $< $@

define guest_rule_32
$(GUEST_OUT)/$(1).elf: $(GUEST_OUT)/obj32/lib/start32.o $(call guest_objects,$(1),obj32) \
		$(GUEST_LIB_32) guests/lib/guest.ld
	@echo "  LD      $$@"
	@$(GUEST_LD) -m elf_i386 $(GUEST_LDFLAGS) $$(filter %.o,$$^) -o $$@
endef
$(foreach guest,$(GUESTS_32),$(eval $(call guest_rule_32,$(guest))))

define guest_rule_mb2
$(GUEST_OUT)/$(1).elf: $(GUEST_OUT)/objmb2/lib/start.o $(call guest_objects,$(1),obj64) \
		$(GUEST_LIB_A) guests/lib/guest.ld
	@echo "  LD      $$@"
	@$(GUEST_LD) -m elf_x86_64 $(GUEST_LDFLAGS) $$(filter %.o %.a,$$^) -o $$@
endef
$(foreach guest,$(GUESTS_MB2),$(eval $(call guest_rule_mb2,$(guest))))

$(patsubst %,$(GUEST_OUT)/%.bin,$(GUESTS_16)): $(GUEST_OUT)/%.bin: guests/%/boot.asm \
		guests/guests.mk
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@$(GUEST_NASM) -f bin $(GUEST_NASMFLAGS) $< -o $@

# Dependencies of the C files, from -MMD. The .asm files name theirs above.
-include $(wildcard $(GUEST_OUT)/obj64/*/*.d $(GUEST_OUT)/obj32/*/*.d)
