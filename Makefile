# Partita: `make help` lists what a person would type.
BUILD ?= build
CC := gcc
NASM := nasm

# The kernel is freestanding, without user mode, and never touches the FPU: guests' state is there.
CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pie -fno-pic -fno-stack-protector \
	-fno-omit-frame-pointer -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -mno-red-zone -mcmodel=kernel \
	-mgeneral-regs-only -Wall -Wextra -Werror -iquote include -iquote . -iquote $(BUILD)/gen
ifeq ($(DEBUG),1)
CFLAGS += -DDEBUG=1
endif
NASMFLAGS := -f elf64 -g -F dwarf -w+all -I $(BUILD)/gen/ -I boot/
LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments

DIRS := boot lib mm drivers kernel vmm vmm/vmx vmm/svm vmm/dev vmm/load
CSRC := $(filter-out kernel/asm_offsets.c,$(wildcard $(DIRS:%=%/*.c)))
ASRC := $(wildcard $(DIRS:%=%/*.asm))
OBJS := $(CSRC:%.c=$(BUILD)/obj/%.o) $(ASRC:%.asm=$(BUILD)/obj/%.asm.o)
KERNEL := $(BUILD)/partita.elf

.PHONY: all kernel help clean
all: kernel guests

kernel: $(KERNEL)

# Linked twice: the first image gives the symbol table that the backtraces of the second one use.
$(KERNEL): $(OBJS) linker.ld tools/mksymbols
	@mkdir -p $(BUILD)/gen
	@tools/mksymbols --empty > $(BUILD)/gen/symbols0.asm
	@$(NASM) $(NASMFLAGS) -o $(BUILD)/obj/symbols0.o $(BUILD)/gen/symbols0.asm
	@ld $(LDFLAGS) -T linker.ld -o $(BUILD)/partita0.elf $(OBJS) $(BUILD)/obj/symbols0.o
	@nm -n $(BUILD)/partita0.elf | tools/mksymbols > $(BUILD)/gen/symbols.asm
	@$(NASM) $(NASMFLAGS) -o $(BUILD)/obj/symbols.o $(BUILD)/gen/symbols.asm
	@echo "  LD      $@"
	@ld $(LDFLAGS) -T linker.ld -o $@.new $(OBJS) $(BUILD)/obj/symbols.o
	@mv $@.new $@

$(BUILD)/obj/%.o: %.c | $(BUILD)/gen/asm_offsets.inc
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.asm.o: %.asm $(BUILD)/gen/asm_offsets.inc
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@$(NASM) $(NASMFLAGS) -MD $(@:.o=.d) -MP -o $@ $<

# Structure offsets for the assembly, written by the compiler: no offset is typed by hand.
$(BUILD)/gen/asm_offsets.inc: kernel/asm_offsets.c
	@mkdir -p $(BUILD)/gen
	@$(CC) $(CFLAGS) -MMD -MP -MT $@ -MF $(BUILD)/gen/asm_offsets.d -S -o - $< | \
		sed -n 's/.*@define \([A-Z0-9_]*\) \$$*\(-*[0-9]*\).*/%define \1 \2/p' > $@.new
	@mv $@.new $@

-include $(OBJS:.o=.d) $(BUILD)/gen/asm_offsets.d

include vmm/load/dsdt.mk
include guests/guests.mk
include tests/unit/unit.mk
include tools/tools.mk
include tools/check.mk

help:
	@sed 's/^/  /' tools/help.txt

clean:
	rm -rf $(BUILD)
