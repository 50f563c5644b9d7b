/* Checked copies from and to guest memory. */
#include "mm/gmem.h"
#include "error.h"
#include "lib/string.h"

/* The end of the RAM range that holds gpa, or 0: none does. */
static gpa_t range_end(const struct gpspace *gs, gpa_t gpa, bool write)
{
	const struct gpspace_range *r = gpspace_range_of(gs, gpa, 1);

	return r && (!write || r->writable) ? r->base + r->size : 0;
}

/* Whether all of [gpa, gpa+len) is RAM, and writable if asked. */
static bool all_ram(const struct gpspace *gs, gpa_t gpa, u64 len, bool write)
{
	while (len) {
		gpa_t end = range_end(gs, gpa, write);

		if (!end)
			return false;
		if (len <= end - gpa)
			return true;
		len -= end - gpa;
		gpa = end;
	}
	return true;
}

/* Copies out of (to != NULL), into (from != NULL), or zeroes what was found to be RAM. */
static int transfer(struct gpspace *gs, gpa_t gpa, u8 *to, const u8 *from, u64 len)
{
	while (len) {
		void *hva;
		u64 n;
		int err = gpspace_span(gs, gpa, &hva, &n);

		if (err)
			return err;
		n = MIN(n, len);
		if (to) {
			memcpy(to, hva, n);
			to += n;
		} else if (from) {
			memcpy(hva, from, n);
			from += n;
		} else {
			memset(hva, 0, n);
		}
		gpa += n;
		len -= n;
	}
	return 0;
}

static __attribute__((noinline)) int read_slow(struct gpspace *gs, gpa_t gpa, void *buf, u64 len)
{
	return all_ram(gs, gpa, len, false) ? transfer(gs, gpa, buf, NULL, len) : -EFAULT;
}

static __attribute__((noinline)) int write_slow(struct gpspace *gs, gpa_t gpa, const void *buf,
						u64 len)
{
	return all_ram(gs, gpa, len, true) ? transfer(gs, gpa, NULL, buf, len) : -EFAULT;
}

/* A present leaf is RAM of one range, so what lies within one needs no other check. */
int gmem_read(struct gpspace *gs, gpa_t gpa, void *buf, u64 len)
{
	const void *hva = gpspace_present(gs, gpa, len, false);

	if (unlikely(!hva))
		return read_slow(gs, gpa, buf, len);
	memcpy(buf, hva, len);
	return 0;
}

int gmem_write(struct gpspace *gs, gpa_t gpa, const void *buf, u64 len)
{
	void *hva = gpspace_present(gs, gpa, len, true);

	if (unlikely(!hva))
		return write_slow(gs, gpa, buf, len);
	memcpy(hva, buf, len);
	return 0;
}

int gmem_zero(struct gpspace *gs, gpa_t gpa, u64 len)
{
	return all_ram(gs, gpa, len, true) ? transfer(gs, gpa, NULL, NULL, len) : -EFAULT;
}

int gmem_load(struct gpspace *gs, gpa_t gpa, const void *buf, u64 len)
{
	return all_ram(gs, gpa, len, false) ? transfer(gs, gpa, NULL, buf, len) : -EFAULT;
}
