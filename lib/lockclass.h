#pragma once
/*
 * Every lock of the kernel belongs to a class, and the classes have one order: a lock may be taken
 * while locks of classes further up are held, never the other way round. docs/architecture.md says
 * what each protects. `make DEBUG=1` checks the order at run time (kernel/lockdep.c).
 */
enum lock_class {
	LOCK_UNKNOWN, /* static ones that nobody has initialised: not checked */
	/* mutexes: their waiters sleep */
	LOCK_PARTITION,
	LOCK_DEVICE,
	/* spinlocks, taken with interrupts off */
	LOCK_SMP_CALL,
	LOCK_GPSPACE,
	LOCK_UART,
	LOCK_TERMINAL,
	LOCK_CONSOLE,
	LOCK_LOG,
	LOCK_IOAPIC,
	LOCK_KSPACE,
	LOCK_HEAP,
	LOCK_TIMERS,
	LOCK_THREADS,
	LOCK_FRAMES,
	LOCK_WAITQ,
	LOCK_ADMISSION, /* what the budget policy has promised */
	LOCK_RUN_QUEUE, /* innermost; of several the one of the lower CPU first */
	/* of self-tests and unit tests */
	LOCK_TEST,
	LOCK_CLASSES
};
