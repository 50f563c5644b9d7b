#pragma once
/*
 * A vCPU on the build host: a plain register file behind the back end's interface, RAM in the
 * arena, and one device that remembers what was asked of it. Events and errors are kept, not
 * delivered.
 */
#include "vmm/partition.h"

#define FAKE_RAM (4 * MIB)
#define FAKE_ROM 0xfff00000ull /* 64 KiB */
#define FAKE_ROM_SIZE 0x10000ull
#define FAKE_DEVICE 0xd0000000ull /* every other address outside RAM reads as ones */
#define FAKE_DEVICE_SIZE 0x4000u
#define FAKE_ACCESSES 8192u

struct fake {
	struct partition partition;
	struct vcpu vcpu;
	u64 reg[REG_COUNT];
	struct segment seg[SEG_COUNT];

	u8 device[FAKE_DEVICE_SIZE];
	u8 port_value; /* what the next byte read from a port is; counts up */
	unsigned access_count;
	struct fake_access {
		enum io_space space;
		struct io_access a;
		bool apic;
	} access[FAKE_ACCESSES];

	/* The newest event raised; vector -1: none. */
	int vector;
	bool has_error;
	u32 error_code;
	unsigned errors; /* partition_error() */
	char error[200];
};

extern struct fake fake;

/* Everything new: 64-bit code at CPL 0, paging off (so that linear is physical). For cmocka: 0. */
int fake_start(void **state);
int fake_stop(void **state);
#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_start, fake_stop)
/* Flat segments and control registers for code of 16 (real mode), 32 or 64 bits; paging off. */
void fake_mode(unsigned bits, unsigned cpl);
/*
 * Paging on in 64-bit mode, with tables at 1 MiB that map the first GiB and the device's to
 * themselves.
 */
void fake_long_paging(void);
/* Sets one 4 KiB mapping in the tables of fake_long_paging(); the address of its entry. */
gpa_t fake_map(u64 gva, u64 entry);
/* Sets the entry of any level that translates gva (4 is the top). */
u64 fake_entry(u64 gva, unsigned level);
void fake_set_entry(u64 gva, unsigned level, u64 value);

u64 fake_peek(gpa_t gpa, unsigned size);
void fake_poke(gpa_t gpa, u64 value, unsigned size);
/* Puts code where RIP points (linear = physical) and prepares an exit of this reason there. */
struct vm_exit *fake_code(u64 rip, const void *bytes, unsigned len, enum vm_exit_reason reason);
