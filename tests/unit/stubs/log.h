#pragma once
/* The newest line given to the log, and how many there were of each level. */
extern char log_last[512];
extern unsigned log_lines[4];
