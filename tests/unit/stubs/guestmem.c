/* Guest memory on the build host. */
#include "tests/unit/stubs/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "tests/unit/stubs/guestmem.h"

#define SPAN (6 * GIB)

char guestmem_message[LOAD_MESSAGE];
static u8 *base;
static u64 low_end, high_end;
static long transfers = -1;

void guestmem_reset(u64 memory)
{
	if (!base)
		base = mmap(NULL, SPAN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(base != MAP_FAILED);
	assert_int_equal(madvise(base, SPAN, MADV_DONTNEED), 0);
	low_end = MIN(memory, LAYOUT_LOW_MAX);
	high_end = LAYOUT_HIGH_BASE + memory - low_end;
	transfers = -1;
}

void guestmem_fail_after(long n)
{
	transfers = n;
}

u8 *guestmem(gpa_t gpa)
{
	assert_true(gpa < SPAN);
	return base + gpa;
}

u16 guestmem_u16(gpa_t gpa)
{
	u16 v;

	memcpy(&v, guestmem(gpa), sizeof(v));
	return v;
}

u32 guestmem_u32(gpa_t gpa)
{
	u32 v;

	memcpy(&v, guestmem(gpa), sizeof(v));
	return v;
}

u64 guestmem_u64(gpa_t gpa)
{
	u64 v;

	memcpy(&v, guestmem(gpa), sizeof(v));
	return v;
}

static int check(gpa_t gpa, u64 len)
{
	if (transfers == 0)
		return -ENOMEM;
	if (transfers > 0)
		transfers--;
	if (gpa <= low_end && len <= low_end - gpa)
		return 0;
	if (gpa >= LAYOUT_HIGH_BASE && gpa <= high_end && len <= high_end - gpa)
		return 0;
	return len ? -EFAULT : 0;
}

int gmem_read(struct gpspace *gs, gpa_t gpa, void *buf, u64 len)
{
	int r = check(gpa, len);

	(void)gs;
	if (r == 0)
		memcpy(buf, base + gpa, len);
	return r;
}

int gmem_write(struct gpspace *gs, gpa_t gpa, const void *buf, u64 len)
{
	int r = check(gpa, len);

	(void)gs;
	if (r == 0 && len)
		memcpy(base + gpa, buf, len);
	return r;
}

int gmem_zero(struct gpspace *gs, gpa_t gpa, u64 len)
{
	int r = check(gpa, len);

	(void)gs;
	if (r == 0 && len)
		memset(base + gpa, 0, len);
	return r;
}

void guestmem_request(struct load_request *req, u64 memory, const void *kernel, u64 size)
{
	guestmem_reset(memory);
	memset(req, 0, sizeof(*req));
	req->kernel = (struct load_file){ .data = kernel, .size = size, .name = "kernel" };
	req->cmdline = "";
	req->memory = memory;
	load_layout(req);
}

int guestmem_load(const struct load_request *req, struct load_entry *entry)
{
	int r;

	memset(guestmem_message, 'x', sizeof(guestmem_message));
	r = load_image(req, entry, guestmem_message);
	assert_true(r <= 0);
	assert_non_null(memchr(guestmem_message, 0, sizeof(guestmem_message)));
	if (r)
		assert_memory_equal(guestmem_message, "kernel: ", strlen("kernel: "));
	else
		assert_string_equal(guestmem_message, "");
	return r;
}

static void torture_one(const struct load_request *req, u64 size, u64 changes, u64 mutable_size,
			u64 *seed)
{
	struct load_request copy = *req;
	struct load_entry entry;
	u8 *image = malloc(size ? size : 1);

	memcpy(image, req->kernel.data, size);
	while (changes-- && mutable_size) {
		u64 r = unit_random(seed);
		u64 at = (r >> 16) % MIN(mutable_size, size);

		if (r & 1)
			image[at] = (u8)(r >> 8);
		else if (r & 2)
			image[at] ^= (u8)(1 << (r >> 8 & 7));
		else
			memset(image + at, r & 4 ? 0xff : 0, MIN(size - at, 1ull << (r >> 8 & 3)));
	}
	copy.kernel.data = image;
	copy.kernel.size = size;
	if (guestmem_load(&copy, &entry) == 0)
		assert_non_null(load_recognize(image, size));
	free(image);
}

void guestmem_torture(const struct load_request *req, unsigned mutations, u64 mutable_size)
{
	u64 seed = 1;
	u64 size;

	for (size = 0; size <= req->kernel.size; size += size < 0x2000 ? 1 : 97)
		torture_one(req, size, 0, 0, &seed);
	while (mutations--)
		torture_one(req, req->kernel.size, 1 + unit_random(&seed) % 8, mutable_size, &seed);
}
