# Partita: `make help` lists what a person would type.
BUILD ?= build
CC := gcc
NASM := nasm

# The kernel is freestanding, without user mode, and never touches the FPU: guests' state is there.
CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pie -fno-pic -fno-stack-protector \
	-fno-omit-frame-pointer -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -mno-red-zone -mcmodel=kernel \
	-mgeneral-regs-only -Wall -Wextra -Werror -iquote include -iquote . -iquote $(BUILD)/gen
NASMFLAGS = -f elf64 -g -F dwarf -w+all -I $(GEN)/ -I boot/
LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments

DIRS := boot lib mm drivers kernel vmm vmm/vmx vmm/svm vmm/dev vmm/load
CSRC := $(filter-out kernel/asm_offsets.c,$(wildcard $(DIRS:%=%/*.c)))
ASRC := $(wildcard $(DIRS:%=%/*.asm))

# `make DEBUG=1` makes another kernel, which checks its locks (kernel/lockdep.h). It has folders of
# its own, so that objects of the two never meet.
ifeq ($(DEBUG),1)
CFLAGS += -DDEBUG=1
VARIANT := -debug
endif
OBJ := $(BUILD)/obj$(VARIANT)
GEN := $(BUILD)/gen$(VARIANT)
KERNEL := $(BUILD)/partita$(VARIANT).elf
OBJS := $(CSRC:%.c=$(OBJ)/%.o) $(ASRC:%.asm=$(OBJ)/%.asm.o)

.PHONY: all kernel kernel-debug help clean
all: kernel guests

kernel: $(KERNEL)

kernel-debug:
	+@$(MAKE) --no-print-directory DEBUG=1 kernel

# Linked twice: the first image gives the symbol table that the backtraces of the second one use.
$(KERNEL): $(OBJS) linker.ld tools/mksymbols
	@mkdir -p $(GEN)
	@tools/mksymbols --empty > $(GEN)/symbols0.asm
	@$(NASM) $(NASMFLAGS) -o $(OBJ)/symbols0.o $(GEN)/symbols0.asm
	@ld $(LDFLAGS) -T linker.ld -o $(@:.elf=0.elf) $(OBJS) $(OBJ)/symbols0.o
	@nm -n $(@:.elf=0.elf) | tools/mksymbols > $(GEN)/symbols.asm
	@$(NASM) $(NASMFLAGS) -o $(OBJ)/symbols.o $(GEN)/symbols.asm
	@echo "  LD      $@"
	@ld $(LDFLAGS) -T linker.ld -o $@.new $(OBJS) $(OBJ)/symbols.o
	@mv $@.new $@

$(OBJ)/%.o: %.c | $(GEN)/asm_offsets.inc
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/%.asm.o: %.asm $(GEN)/asm_offsets.inc
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@$(NASM) $(NASMFLAGS) -MD $(@:.o=.d) -MP -o $@ $<

# Structure offsets for the assembly, written by the compiler: no offset is typed by hand.
$(GEN)/asm_offsets.inc: kernel/asm_offsets.c
	@mkdir -p $(GEN)
	@$(CC) $(CFLAGS) -MMD -MP -MT $@ -MF $(GEN)/asm_offsets.d -S -o - $< | \
		sed -n 's/.*@define \([A-Z0-9_]*\) \$$*\(-*[0-9]*\).*/%define \1 \2/p' > $@.new
	@mv $@.new $@

-include $(OBJS:.o=.d) $(GEN)/asm_offsets.d

include vmm/load/dsdt.mk
include guests/guests.mk
include tests/unit/unit.mk
include tools/tools.mk
include tools/check.mk

help:
	@sed 's/^/  /' tools/help.txt

clean:
	rm -rf $(BUILD)
