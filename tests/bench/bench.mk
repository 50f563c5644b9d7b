# What tests/bench/run boots beside the kernel and the guests:
#	make -f tests/bench/bench.mk BUILD=build
CC := gcc
.DEFAULT_GOAL := bench-files
include guests/guests.mk

BENCH_OUT := $(BUILD)/bench
.PHONY: bench-files
bench-files: $(BENCH_OUT)/direct.elf $(BENCH_OUT)/init

$(BENCH_OUT)/direct.o: tests/bench/direct.c
	@mkdir -p $(@D)
	@$(GUEST_CC) $(GUEST_CFLAGS_64) -c $< -o $@

$(BENCH_OUT)/direct.elf: $(BENCH_OUT)/direct.o $(GUEST_OUT)/objmb2/lib/start.o $(GUEST_LIB_64)
	@$(GUEST_LD) -m elf_x86_64 $(GUEST_LDFLAGS) $^ -o $@

$(BENCH_OUT)/init: tests/bench/init.asm
	@mkdir -p $(@D)
	@$(GUEST_NASM) -f elf64 $< -o $@.o
	@$(GUEST_LD) -s -o $@ $@.o

-include $(BENCH_OUT)/direct.d
