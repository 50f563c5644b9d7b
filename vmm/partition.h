#pragma once
/* A partition: guest-physical space, I/O bus, vCPUs, devices, console, clock, statistics. */
#include "compiler.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "mm/gmem.h"
#include "types.h"
#include "vmm/config.h"
#include "vmm/console.h"
#include "vmm/dev/board.h"
#include "vmm/iobus.h"
#include "vmm/vclock.h"
#include "vmm/vcpu.h"

enum partition_state {
	PARTITION_STOPPED,
	PARTITION_STARTING,
	PARTITION_RUNNING,
	PARTITION_STOPPING
};

enum stop_kind { STOP_NONE, STOP_SHUTDOWN, STOP_RESET, STOP_TRIPLE_FAULT, STOP_KILLED, STOP_ERROR };

#define STOP_TEXT 160

struct partition {
	/* Constant from creation: */
	unsigned id;
	struct partition_config config;
	struct list node; /* in partitions */
	struct console console;

	struct mutex lock; /* protects state and its changes: start, stop, reset */
	enum partition_state state;
	struct waitq changed; /* woken at every change of state */
	unsigned live_vcpus;  /* atomic: vCPU threads that have not ended */
	bool restart;	      /* start again after this stop */
	/* partition_stop() waits: a reset of the guest's own ends it, too */
	bool stay_stopped;
	u32 stop_claimed; /* atomic: the first stopper's reason counts */
	enum stop_kind stop_kind;
	char stop_text[STOP_TEXT]; /* of STOP_ERROR */

	/* Exists while not stopped: */
	struct gpspace space;
	struct iobus bus;
	struct mutex device_lock; /* held while any device or the bus of this partition works */
	struct board board;	  /* the emulated PC */
	struct vclock clock;
	struct timer clock_timer; /* the host timer behind the clock */
	/* The host's TSC and the clock's time when the guests' TSCs were 0. */
	u64 start_tsc, start_ns;
	unsigned vcpu_count;
	struct vcpu *vcpu[VCPUS_MAX];
	void *vendor;	      /* permission maps */
	bool admitted;	      /* the scheduler has promised its budgets, if it has any */
	u8 cpu_of[VCPUS_MAX]; /* where, CPU_ANY: not to one CPU */

	u64 starts, resets;
	u64 exits[VM_EXIT_REASONS]; /* of earlier runs */
};

/* All partitions, in manifest order. Constant after vmm_init(). */
extern struct list partitions;

/* Probes the processor, parses the manifest, starts what is to start. Thread context, once. */
void vmm_init(void);
/* One more partition, stopped, for ever. While nothing else looks at the list; NULL: no memory. */
struct partition *partition_create(const struct partition_config *config);
struct partition *partition_find(const char *name);
/* Thread contexts other than the partition's own vCPUs: */
/* -EBUSY when it is not stopped; others logged */
MUST_CHECK int partition_start(struct partition *p);
void partition_stop(struct partition *p, enum stop_kind kind); /* returns when it has stopped */
void partition_reset(struct partition *p);
/* From a vCPU's own thread: asks for the end of the partition; every vCPU leaves its loop. */
void partition_request_stop(struct partition *p, enum stop_kind kind, const char *fmt, ...)
    PRINTF(3, 4);
/*
 * Something about the guest that we cannot answer: stops it with "error: ..." and prints the state.
 */
void partition_error(struct vcpu *v, const char *fmt, ...) PRINTF(2, 3);
/* An access to a port or to memory that is no RAM, in a vCPU's thread; takes the device lock. */
void partition_bus_access(struct partition *p, enum io_space space, struct io_access *a);
/* A vCPU's thread says, last of all, that it has left its loop. */
void partition_vcpu_ended(struct partition *p);
/* "running", "stopped" ... */
const char *partition_state_name(const struct partition *p);
u64 partition_exits(const struct partition *p);
u64 partition_exits_by(const struct partition *p, enum vm_exit_reason reason);
