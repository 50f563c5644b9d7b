#pragma once
/* Lets this many allocations succeed and all after them fail; -1: none fails. */
void heap_fail_after(long allocations);
