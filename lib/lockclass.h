#pragma once
/*
 * Every lock of the kernel belongs to a class, and the classes have one order, this one: a lock
 * may be taken while locks of classes further up are held, never the other way round, and never
 * while another of its own class is held, unless it says so here. Who sleeps holds no spinlock.
 * `make DEBUG=1` builds a kernel that checks all that whenever a lock is taken (kernel/lockdep.h).
 */
enum lock_class {
	LOCK_UNKNOWN, /* nobody has said which: reported */

	/* Mutexes: their waiters sleep. Thread context, interrupts and preemption on. */
	LOCK_PARTITION, /* partition.lock: state and its changes: build, demolish */
	LOCK_DEVICE,	/* partition.device_lock: bus, devices, the local APICs' registers */

	/* Of self-tests, both mutexes and spinlocks; A and B break the rules on purpose. */
	LOCK_TEST,
	LOCK_TEST_A,
	LOCK_TEST_B,

	/*
	 * Spinlocks, taken with interrupts off. A wake-up (WAITQ and what follows) may be done
	 * under any that comes before.
	 */
	LOCK_GPSPACE,	/* gpspace.lock: nested tables, populated bytes */
	LOCK_UART,	/* the transmitter; asks the terminal for bytes */
	LOCK_TERMINAL,	/* its queue and what is being edited; asks a console for bytes */
	LOCK_CONSOLE,	/* a console's rings */
	LOCK_LOG,	/* the log's ring; nothing is called while it is held */
	LOCK_IOAPIC,	/* its pair of registers */
	LOCK_KSPACE,	/* the kernel's tables, stacks, windows */
	LOCK_HEAP,	/* size classes and slabs */
	LOCK_THREADS,	/* the list of all threads */
	LOCK_FRAMES,	/* free lists and owners of physical memory */
	LOCK_WAITQ,	/* who waits */
	LOCK_ADMISSION, /* what the budget policy has promised */
	LOCK_TIMERS,	/* a CPU's timers */
	LOCK_RUN_QUEUE, /* ready threads, states of a CPU's threads; of several CPUs' the lower
			   CPU's first */
	LOCK_CLASSES
};
