// SOURCES: vmm/iobus.c
/* The I/O bus: look-up, refusals, splitting, strays. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "vmm/iobus.h"

struct mem {
	u8 byte[256];
	unsigned calls;
	u8 last_size;
};

static struct iobus bus;
static struct mem one, two;

static void mem_io(void *dev, struct io_access *a)
{
	struct mem *m = dev;

	m->calls++;
	m->last_size = a->size;
	assert_true(a->addr + a->size <= sizeof(m->byte));
	if (a->write) {
		memcpy(&m->byte[a->addr], &a->value, a->size);
	} else {
		a->value = ~0ull; /* upper bytes must not reach the guest */
		memcpy(&a->value, &m->byte[a->addr], a->size);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
	iobus_init(&bus);
	return 0;
}

static u64 rd(enum io_space space, u64 addr, unsigned size)
{
	struct io_access a = { .addr = addr, .size = (u8)size, .value = 0x5555555555555555 };

	iobus_access(&bus, space, &a);
	assert_int_equal(a.addr, addr);
	return a.value;
}

static void wr(enum io_space space, u64 addr, unsigned size, u64 value)
{
	struct io_access a = { .addr = addr, .size = (u8)size, .value = value, .write = true };

	iobus_access(&bus, space, &a);
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x60, 0, "x", mem_io, &one), -EINVAL);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0xfff8, 9, "x", mem_io, &one), -EINVAL);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0xfff8, 8, "x", mem_io, &one), 0);
	assert_int_equal(iobus_add(&bus, IO_MEMORY, ~0ull - 6, 8, "x", mem_io, &one), -EINVAL);
	assert_int_equal(iobus_add(&bus, IO_MEMORY, ~0ull - 7, 8, "x", mem_io, &one), 0);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x60, 4, "x", mem_io, &one), 0);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x60, 4, "x", mem_io, &one), -EEXIST);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x5f, 2, "x", mem_io, &one), -EEXIST);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x63, 2, "x", mem_io, &one), -EEXIST);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x61, 1, "x", mem_io, &one), -EEXIST);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x50, 0x100, "x", mem_io, &one), -EEXIST);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x5f, 1, "x", mem_io, &one), 0);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x64, 1, "x", mem_io, &one), 0);
	/* The same number in the other space is another place. */
	assert_int_equal(iobus_add(&bus, IO_MEMORY, 0x60, 4, "x", mem_io, &one), 0);
	assert_int_equal(bus.port_count, 4);
	assert_int_equal(bus.memory_count, 2);
}

static void test_full(void **state)
{
	(void)state;
	for (unsigned i = 0; i < IOBUS_REGIONS; i++) /* not in order */
		assert_int_equal(
		    iobus_add(&bus, IO_PORT, (i * 29 % IOBUS_REGIONS) * 16, 4, "x", mem_io, &one),
		    0);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x8000, 1, "x", mem_io, &one), -ENOSPC);
	for (unsigned i = 0; i < IOBUS_REGIONS; i++) {
		assert_int_equal(bus.port[i].base, i * 16);
		assert_ptr_equal(iobus_find(&bus, IO_PORT, i * 16), &bus.port[i]);
		assert_ptr_equal(iobus_find(&bus, IO_PORT, i * 16 + 3), &bus.port[i]);
		assert_null(iobus_find(&bus, IO_PORT, i * 16 + 4));
		assert_null(iobus_find(&bus, IO_PORT, i * 16 + 15));
	}
	assert_null(iobus_find(&bus, IO_PORT, 0xffff));
}

static void test_find(void **state)
{
	(void)state;
	assert_null(iobus_find(&bus, IO_PORT, 0));
	assert_null(iobus_find(&bus, IO_MEMORY, ~0ull));
	for (unsigned n = 1; n < 20; n++) {
		assert_int_equal(iobus_add(&bus, IO_MEMORY, n * 0x1000, 0x800, "x", mem_io, &one),
				 0);
		for (u64 at = 0; at < 22 * 0x1000; at += 0x400) {
			bool in = at >= 0x1000 && at / 0x1000 <= n && at % 0x1000 < 0x800;
			struct io_region *r = iobus_find(&bus, IO_MEMORY, at);

			assert_int_equal(!!r, in);
			assert_true(!r || at - r->base < r->size);
		}
	}
}

static void test_access(void **state)
{
	(void)state;
	assert_int_equal(iobus_add(&bus, IO_MEMORY, 0x1000, 0x100, "x", mem_io, &one), 0);
	wr(IO_MEMORY, 0x1010, 8, 0x1122334455667788);
	assert_int_equal(one.calls, 1);
	assert_int_equal(rd(IO_MEMORY, 0x1010, 8), 0x1122334455667788);
	assert_int_equal(rd(IO_MEMORY, 0x1010, 4), 0x55667788);
	assert_int_equal(rd(IO_MEMORY, 0x1012, 2), 0x5566);
	assert_int_equal(rd(IO_MEMORY, 0x1017, 1), 0x11);
	assert_int_equal(one.calls, 5);
	assert_int_equal(bus.memory[0].accesses, 5);
	assert_int_equal(rd(IO_MEMORY, 0x10fc, 4), 0); /* up to the last byte */
	assert_int_equal(bus.stray_memory, 0);
}

static void test_split(void **state)
{
	(void)state;
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x70, 2, "x", mem_io, &one), 0);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x72, 1, "y", mem_io, &two), 0);
	wr(IO_PORT, 0x71, 2, 0xbbaa); /* over a seam between two devices */
	assert_int_equal(one.byte[1], 0xaa);
	assert_int_equal(two.byte[0], 0xbb);
	assert_int_equal(one.last_size, 1);
	assert_int_equal(bus.stray_ports, 0);
	one.byte[0] = 0x99;
	assert_int_equal(rd(IO_PORT, 0x70, 4), 0xffbbaa99); /* 73h is empty */
	assert_int_equal(bus.stray_ports, 1);
	assert_int_equal(bus.last_stray_port, 0x73);
	assert_int_equal(rd(IO_PORT, 0x6e, 4), 0xaa99ffff); /* begins in none */
	assert_int_equal(bus.stray_ports, 2);
	assert_int_equal(bus.last_stray_port, 0x6e);
}

static void test_bytewise(void **state)
{
	(void)state;
	assert_int_equal(iobus_add_bytes(&bus, IO_PORT, 0x3f8, 8, "x", mem_io, &one), 0);
	assert_int_equal(iobus_add_bytes(&bus, IO_PORT, 0x3ff, 8, "x", mem_io, &one), -EEXIST);
	wr(IO_PORT, 0x3f8, 4, 0x44332211);
	assert_int_equal(one.calls, 4);
	assert_int_equal(one.last_size, 1);
	assert_memory_equal(one.byte, "\x11\x22\x33\x44", 5);
	assert_int_equal(rd(IO_PORT, 0x3f9, 2), 0x3322);
	assert_int_equal(one.calls, 6);
}

/* The bus remembers where it was; that must neither outlive a change nor reach too far. */
static void test_recent(void **state)
{
	(void)state;
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x70, 2, "x", mem_io, &one), 0);
	one.byte[0] = 0x11;
	assert_int_equal(rd(IO_PORT, 0x70, 1), 0x11);
	assert_int_equal(iobus_add(&bus, IO_PORT, 0x60, 1, "y", mem_io, &two), 0);
	assert_int_equal(rd(IO_PORT, 0x70, 1), 0x11);
	assert_int_equal(rd(IO_PORT, 0x60, 1), 0x00);
	assert_int_equal(two.calls, 1);
	assert_int_equal(rd(IO_PORT, 0x61, 1), 0xff);
	assert_int_equal(rd(IO_PORT, 0x5f, 1), 0xff);
	assert_int_equal(rd(IO_PORT, 0x71, 1), 0x00);
	assert_int_equal(rd(IO_PORT, 0x72, 1), 0xff);
	assert_int_equal(rd(IO_PORT, 0x71, 2), 0xff00);
	assert_int_equal(rd(IO_MEMORY, 0x70, 1), 0xff); /* the other space has its own */
	assert_int_equal(one.calls, 4);
}

static void test_stray(void **state)
{
	(void)state;
	assert_int_equal(rd(IO_PORT, 0x1234, 1), 0xff);
	assert_int_equal(rd(IO_PORT, 0x1234, 4), 0xffffffff);
	wr(IO_PORT, 0x1236, 2, 7);
	assert_int_equal(bus.stray_ports, 3);
	assert_int_equal(bus.last_stray_port, 0x1236);
	assert_int_equal(rd(IO_MEMORY, ~0ull - 3, 8), ~0ull); /* wraps */
	assert_int_equal(bus.stray_memory, 1);
	assert_int_equal(bus.last_stray_memory, ~0ull - 3);
	assert_int_equal(rd(IO_PORT, 0xffff, 4), 0xffffffff); /* past the last port */
}

static void test_random(void **state)
{
	u64 seed = 3;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		u64 r = unit_random(&seed);
		int n = iobus_add(&bus, r & 1 ? IO_PORT : IO_MEMORY, r >> 8 & 0x3ff, r >> 20 & 0x3f,
				  "x", mem_io, &one);

		assert_true(n == 0 || n == -EEXIST || n == -EINVAL);
	}
	for (unsigned i = 1; i < bus.memory_count; i++)
		assert_true(bus.memory[i - 1].base + bus.memory[i - 1].size <= bus.memory[i].base);
	for (unsigned i = 0; i < 20000; i++) {
		u64 r = unit_random(&seed);
		u64 v = rd(r & 1 ? IO_PORT : IO_MEMORY, r >> 8 & 0x4ff, 1u << (r >> 4 & 3));

		assert_true((r >> 4 & 3) == 3 || v < BIT(8u << (r >> 4 & 3)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_full, setup),
		cmocka_unit_test_setup(test_find, setup),
		cmocka_unit_test_setup(test_access, setup),
		cmocka_unit_test_setup(test_split, setup),
		cmocka_unit_test_setup(test_bytewise, setup),
		cmocka_unit_test_setup(test_recent, setup),
		cmocka_unit_test_setup(test_stray, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests_name("iobus", tests, NULL, NULL);
}
