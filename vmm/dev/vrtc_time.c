#include "vmm/dev/vrtc_time.h"

#include "compiler.h"

enum {
	REG_SECONDS,
	REG_SECONDS_ALARM,
	REG_MINUTES,
	REG_MINUTES_ALARM,
	REG_HOURS,
	REG_HOURS_ALARM,
	REG_WEEKDAY, /* 1 is Sunday */
	REG_DAY,
	REG_MONTH,
	REG_YEAR,
	REG_B = 0x0b,
	REG_CENTURY = 0x32,
};

#define B_BINARY BIT(2)
#define B_24H BIT(1)
#define HOURS_PM BIT(7)
#define ALARM_ANY 0xc0 /* the two upper bits set: "don't care" */

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define EPOCH_WEEKDAY 4	    /* 1970 began on a Thursday */
#define DAYS_PER_ERA 146097 /* the calendar repeats after 400 years */
#define EPOCH_DAY 719468    /* 1970-01-01, counted from 0000-03-01 */

static unsigned from_reg(const u8 *ram, u8 v)
{
	return ram[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static u8 to_reg(const u8 *ram, unsigned v)
{
	return (u8)(ram[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static unsigned hours_from_reg(const u8 *ram, u8 v)
{
	if (ram[REG_B] & B_24H)
		return from_reg(ram, v);
	return from_reg(ram, v & ~HOURS_PM) % 12 + (v & HOURS_PM ? 12 : 0);
}

static u8 hours_to_reg(const u8 *ram, unsigned v)
{
	if (ram[REG_B] & B_24H)
		return to_reg(ram, v);
	return to_reg(ram, v % 12 ? v % 12 : 12) | (v >= 12 ? HOURS_PM : 0);
}

bool vrtc_is_time(unsigned reg)
{
	return reg == REG_SECONDS || reg == REG_MINUTES || reg == REG_HOURS ||
	       (reg >= REG_WEEKDAY && reg <= REG_YEAR) || reg == REG_CENTURY;
}

static s64 floor_div(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

/*
 * Days since 1970 of a date in the Gregorian calendar. Years begin in March, so that leap days end
 * them.
 */
static s64 days_from_date(s64 year, unsigned month, s64 day)
{
	s64 y = month <= 2 ? year - 1 : year, era = floor_div(y, 400), of_era = y - era * 400;
	s64 of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

	return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAY;
}

struct date {
	s64 year;
	unsigned month, day;
};

static struct date date_from_days(s64 days)
{
	s64 z = days + EPOCH_DAY, era = floor_div(z, DAYS_PER_ERA), of_era = z - era * DAYS_PER_ERA;
	s64 y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	s64 of_year = of_era - (365 * y + y / 4 - y / 100);
	unsigned m = (unsigned)(5 * of_year + 2) / 153;
	struct date d = { .day = (unsigned)of_year - (153 * m + 2) / 5 + 1,
			  .month = m < 10 ? m + 3 : m - 9 };

	d.year = y + era * 400 + (d.month <= 2);
	return d;
}

s64 vrtc_time_decode(const u8 *ram)
{
	s64 year = from_reg(ram, ram[REG_CENTURY]) * 100 + from_reg(ram, ram[REG_YEAR]);
	unsigned month = from_reg(ram, ram[REG_MONTH]);
	s64 days;

	month = MIN(MAX(month, 1u), 12u);
	days = days_from_date(year, month, from_reg(ram, ram[REG_DAY]));
	return days * DAY + hours_from_reg(ram, ram[REG_HOURS]) * HOUR +
	       from_reg(ram, ram[REG_MINUTES]) * MINUTE + from_reg(ram, ram[REG_SECONDS]);
}

static unsigned weekday(s64 days)
{
	s64 w = (days + EPOCH_WEEKDAY) % 7;

	return (unsigned)(w < 0 ? w + 7 : w);
}

void vrtc_time_encode(u8 *ram, s64 time, unsigned weekday_shift)
{
	s64 days = floor_div(time, DAY);
	unsigned second = (unsigned)(time - days * DAY);
	struct date d = date_from_days(days);
	unsigned year = (unsigned)(d.year - floor_div(d.year, 10000) * 10000);

	ram[REG_SECONDS] = to_reg(ram, second % 60);
	ram[REG_MINUTES] = to_reg(ram, second / MINUTE % 60);
	ram[REG_HOURS] = hours_to_reg(ram, second / HOUR);
	ram[REG_WEEKDAY] = to_reg(ram, (weekday(days) + weekday_shift) % 7 + 1);
	ram[REG_DAY] = to_reg(ram, d.day);
	ram[REG_MONTH] = to_reg(ram, d.month);
	ram[REG_YEAR] = to_reg(ram, year % 100);
	ram[REG_CENTURY] = to_reg(ram, year / 100);
}

u8 vrtc_weekday_shift(const u8 *ram, s64 time)
{
	unsigned shown = from_reg(ram, ram[REG_WEEKDAY]);

	return (u8)((shown + 6 + 7 - weekday(floor_div(time, DAY))) % 7);
}

/*
 * What an alarm register asks for: a value, -1 for any, or more than the limit when it never
 * matches.
 */
static int alarm_field(const u8 *ram, unsigned reg, int limit)
{
	u8 v = ram[reg];
	unsigned n = reg == REG_HOURS_ALARM ? hours_from_reg(ram, v) : from_reg(ram, v);

	if ((v & ALARM_ANY) == ALARM_ANY)
		return -1;
	if (reg == REG_HOURS_ALARM ? hours_to_reg(ram, n) != v : to_reg(ram, n) != v)
		return limit;
	return n < (unsigned)limit ? (int)n : limit;
}

/* Forward to where a field of the time has the wanted value; smaller fields then begin at 0. */
static s64 alarm_step(s64 t, int want, int limit, s64 unit)
{
	s64 units = floor_div(t, unit);
	int is = (int)(units - floor_div(units, limit) * limit);

	if (want < 0 || want == is)
		return t;
	return (units + (want - is + limit) % limit) * unit;
}

s64 vrtc_alarm_next(const u8 *ram, s64 time)
{
	int h = alarm_field(ram, REG_HOURS_ALARM, 24), m = alarm_field(ram, REG_MINUTES_ALARM, 60);
	int s = alarm_field(ram, REG_SECONDS_ALARM, 60);
	s64 t = time + 1, before;

	if (h >= 24 || m >= 60 || s >= 60)
		return VRTC_NEVER;
	/* A step may carry into a larger field, so again; three rounds are always enough. */
	do {
		before = t;
		t = alarm_step(t, h, 24, HOUR);
		t = alarm_step(t, m, 60, MINUTE);
		t = alarm_step(t, s, 60, 1);
	} while (t != before);
	return t;
}
