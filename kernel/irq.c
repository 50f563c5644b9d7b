/* Interrupt handlers by vector, and the routing of ISA interrupts to vectors. */
#include "drivers/apic.h"
#include "error.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/trap.h"

#define VECTORS 256
#define ISA_IRQS 16

/* Written before the vector can fire, read by interrupts: no lock. */
static struct {
	irq_handler_t fn;
	void *ctx;
} handlers[VECTORS];

static unsigned unexpected;

void irq_register_vector(unsigned vector, irq_handler_t fn, void *ctx)
{
	handlers[vector].ctx = ctx;
	handlers[vector].fn = fn;
}

int irq_register_isa(unsigned irq, irq_handler_t fn, void *ctx)
{
	unsigned gsi, vector;

	if (irq >= ISA_IRQS)
		return -EINVAL;
	gsi = machine.isa_irq[irq].gsi;
	vector = VECTOR_IRQ_BASE + gsi;
	if (gsi >= VECTOR_IRQS)
		return -EINVAL;
	if (handlers[vector].fn)
		return -EBUSY;
	irq_register_vector(vector, fn, ctx);
	return ioapic_route(gsi, vector, cpus[0]->apic_id, machine.isa_irq[irq].active_low,
			    machine.isa_irq[irq].level);
}

void irq_dispatch(unsigned vector)
{
	/* Neither the APIC's nor the PIC's spurious interrupts may be acknowledged: SDM 3A 10.9. */
	if (vector == VECTOR_SPURIOUS ||
	    (vector >= VECTOR_PIC_BASE && vector < VECTOR_PIC_BASE + ISA_IRQS))
		return;
	if (vector == VECTOR_RESCHED || vector == VECTOR_CALL)
		this_cpu()->ipis++;
	if (handlers[vector].fn)
		handlers[vector].fn(handlers[vector].ctx);
	else if (unexpected++ == 0)
		log_warn("unexpected interrupt, vector 0x%x", vector);
	lapic_eoi();
}
