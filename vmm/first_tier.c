#include "vmm/first_tier.h"

bool vcpu_raise_step(struct vcpu *v)
{
	backend->set_reg(v, REG_DR6, backend->get_reg(v, REG_DR6) | DR6_BS);
	event_raise(v, VEC_DB, false, 0);
	return true;
}
