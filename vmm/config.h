#pragma once
/*
 * What a manifest says about one partition, and the manifest's parser. Pure: bytes in, structures
 * out. The same rules are in tools/manifest.py for the ISO builder.
 */
#include "compiler.h"
#include "kernel/sched.h"
#include "types.h"

#define CONFIG_NAME 32
#define CONFIG_PATH 128
#define CONFIG_CMDLINE 1024
#define CONFIG_FILES 16
#define CONFIG_PARTITIONS 128

struct partition_config {
	char name[CONFIG_NAME];
	char kernel[CONFIG_PATH];
	unsigned initrd_count;
	char initrd[CONFIG_FILES][CONFIG_PATH];
	unsigned module_count;
	/* "path args": the whole string is the module's command line */
	char module[CONFIG_FILES][CONFIG_CMDLINE];
	char cmdline[CONFIG_CMDLINE];
	u64 memory;	/* bytes; default 64 MiB */
	unsigned vcpus; /* default 1 */
	bool autostart, log;
	bool restart_on_reset;	   /* on-reset = restart (default) or stop */
	struct sched_params sched; /* of every vCPU: weight, budget, priority, cpus */
	unsigned line;		   /* of the section header */
	unsigned kernel_line, memory_line;
};

/*
 * Parses a manifest. For every good section calls add (the structure is the callee's to copy); for
 * every mistake calls error once with line number and reason; a section with a mistake is not
 * added, the others are. file_exists tells whether a path names a module (NULL: not checked).
 */
struct manifest_callbacks {
	void (*add)(void *ctx, const struct partition_config *config);
	void (*error)(void *ctx, unsigned line, const char *reason);
	bool (*file_exists)(void *ctx, const char *path);
	u64 memory_limit; /* bytes that a partition may ask for; 0: no limit */
	unsigned vcpus_limit;
	u64 cpus; /* bit n: CPU n can run guests; 0: not known, not checked */
	void *ctx;
	struct partition_config *scratch; /* the caller's, as it is too large for a stack */
};

void manifest_parse(const char *text, size_t len, const struct manifest_callbacks *cb);
