#pragma once
/*
 * The MC146818's time and alarm registers against seconds since 1970. Pure: registers in and out,
 * in the format that register B says (BCD or binary, 12 or 24 hours).
 */
#include "types.h"

#define VRTC_NEVER INT64_MAX

/*
 * The registers that hold the time: not the alarm's, but the century that PCs keep in the memory.
 */
bool vrtc_is_time(unsigned reg);
/* Any contents have some meaning: values beyond their range carry over. */
s64 vrtc_time_decode(const u8 *ram);
void vrtc_time_encode(u8 *ram, s64 time, unsigned weekday_shift);
/* How far the guest's weekday is from the calendar's, when the registers show this time. */
u8 vrtc_weekday_shift(const u8 *ram, s64 time);
/* The first match of the alarm after this time, or VRTC_NEVER. */
s64 vrtc_alarm_next(const u8 *ram, s64 time);
