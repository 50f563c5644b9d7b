/* The battery-backed clock. Motorola MC146818A data sheet; the century is taken to be the 21st. */
#include "drivers/cmos.h"
#include "compiler.h"
#include "lib/string.h"
#include "x86/insn.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define REG_A 0x0a
#define REG_B 0x0b
#define REG_A_UPDATING 0x80
#define REG_B_BINARY 0x04
#define REG_B_24_HOURS 0x02
#define HOUR_PM 0x80
#define TRIES 1000000

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, FIELDS };
static const u8 registers[FIELDS] = { 0, 2, 4, 7, 8, 9 };

static u8 cmos_read(u8 reg)
{
	x86_outb(CMOS_INDEX, reg);
	return x86_inb(CMOS_DATA);
}

static void read_fields(u8 field[FIELDS])
{
	for (unsigned i = 0; i < FIELDS; i++)
		field[i] = cmos_read(registers[i]);
}

static unsigned from_bcd(u8 v)
{
	return (v >> 4) * 10 + (v & 0x0f);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar; month 1..12, year >= 1970. */
static u64 days_from_date(unsigned year, unsigned month, unsigned day)
{
	u64 y = month <= 2 ? year - 1 : year, m = (month + 9) % 12; /* the year begins in March */

	return 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

u64 cmos_read_time(void)
{
	u8 a[FIELDS], b[FIELDS], mode;
	unsigned value[FIELDS], tries = 0;
	bool pm;

	do {
		while (cmos_read(REG_A) & REG_A_UPDATING)
			if (++tries == TRIES)
				return 0;
		read_fields(a);
		read_fields(b);
	} while (memcmp(a, b, sizeof(a)) != 0 && ++tries < TRIES);

	mode = cmos_read(REG_B);
	pm = !(mode & REG_B_24_HOURS) && a[HOUR] & HOUR_PM;
	if (!(mode & REG_B_24_HOURS))
		a[HOUR] &= ~HOUR_PM;
	for (unsigned i = 0; i < FIELDS; i++)
		value[i] = mode & REG_B_BINARY ? a[i] : from_bcd(a[i]);
	if (!(mode & REG_B_24_HOURS))
		value[HOUR] = value[HOUR] % 12 + (pm ? 12 : 0);
	return days_from_date(2000 + value[YEAR], value[MONTH], value[DAY]) * 86400 +
	       value[HOUR] * 3600ull + value[MINUTE] * 60ull + value[SECOND];
}
