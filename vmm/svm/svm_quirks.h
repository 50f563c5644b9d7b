#pragma once
/*
 * Where an emulated processor's SVM differs from the manual's. Each is off on processors that
 * behave. vmm/svm/svm_selftest.c shows some of them at work.
 *
 * One needs no switch: QEMU TCG does not intercept XSETBV, so a guest's XCR0 is read back from the
 * processor wherever it matters (vmm/vfpu.c, vmm/cpuid.c).
 */
#include "compiler.h"
#include "types.h"

struct svm_vcpu;
struct vcpu;
struct vm_exit;

struct svm_quirks {
	const char *engine; /* "QEMU TCG", "Bochs", or NULL */

	/*
	 * VMRUN with an interrupt shadow: QEMU TCG ignores the shadow and takes V_IRQ at once,
	 * Bochs does not look at V_IRQ again once the shadow has passed. So no window is opened
	 * inside a shadow; we step over the one instruction first.
	 */
	bool no_window_in_shadow;
	/* QEMU TCG: a shadow that VMRUN ignored is lost if the exit comes before an instruction. */
	bool shadow_lost;
	/*
	 * QEMU TCG: EVENTINJ of an external interrupt leaves the vector in the emulator's own
	 * pending exception; when its main loop is then interrupted by the host, it is delivered
	 * again (one in about 50,000). V_IRQ takes another path, which is sound.
	 */
	bool inject_by_virq;
	/*
	 * Bochs: an exception while #DF is delivered resets the whole machine instead of giving a
	 * SHUTDOWN exit; but an intercept of that third exception comes first.
	 */
	bool triple_fault_kills;
	/*
	 * Bochs: the trap that RFLAGS.TF has armed for an instruction is not dropped when that
	 * instruction exits, and hits the host as #DB behind VMRUN, where GS is still the guest's.
	 * So another IDT is loaded around VMRUN, which has a gate for #DB that does nothing.
	 */
	bool trap_follows_exit;
	/*
	 * Bochs: when the delivery of INT n is cut short, EXITINTINFO tells of the last exception
	 * that the guest had, perhaps long ago.
	 */
	bool soft_int_info_stale;
	/*
	 * Bochs: a guest that was given an NMI by EVENTINJ masks the host's NMIs until its IRET,
	 * and with IF clear the host's interrupts as well (vmm/watchdog.c): nothing would ever end
	 * its time. So an NMI goes as an external interrupt with vector 2. It masks nothing; that
	 * NMIs of the guest wait is our doing anyway (svm_vcpu.nmi_blocked).
	 */
	bool nmi_masks_host;
	/* Bochs: VMRUN does not load CR2. */
	bool cr2_not_loaded;
	/*
	 * QEMU TCG: the selective intercept of CR0 writes does not see bits 63:32, which must give
	 * #GP.
	 */
	bool cr0_select_low_half;
	/*
	 * QEMU TCG: #VMEXIT neither takes the guest's breakpoints out nor resets DR7, so that the
	 * host, or the next guest, runs into them; and VMRUN loads DR7 without putting any in.
	 */
	bool breakpoints_survive_exit;
};
extern struct svm_quirks svm_quirks;

struct idt_pointer {
	u16 limit;
	u64 base;
} PACKED;

extern struct idt_pointer svm_quirk_idt, svm_host_idt;

static inline void svm_load_idt(const struct idt_pointer *idt)
{
	__asm__ volatile("lidt %0" : : "m"(*idt));
}

/* Recognizes the engine. Boot CPU, once. */
void svm_quirks_probe(void);
/* Exceptions that must be intercepted whatever the guest does. */
u32 svm_quirks_exceptions(void);
