#pragma once
/* ACPI's fixed hardware: PM1 event and control registers and the PM timer. ACPI 6.4, 4.8. */
#include "vmm/dev/devices.h"

#define VPM_TIMER_HZ 3579545ull

struct vpm_state {
	u16 status, enable, control;
	u64 seen_half; /* half rounds of the 24-bit timer that TMR_STS has noted */
	u64 refused;   /* sleep types that this machine does not have */
};

struct vpm {
	struct vpm_state state;
	struct irqline sci;
	struct vclock *clock;
	struct vtimer timer;
	struct platform_hooks platform;
};

MUST_CHECK int vpm_init(struct vpm *p, struct iobus *bus, struct vclock *clock, struct irqline sci,
			struct platform_hooks platform);
void vpm_reset(struct vpm *p);
/* Somebody asks the guest to shut down. */
void vpm_power_button(struct vpm *p);
