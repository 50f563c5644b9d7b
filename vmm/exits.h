#pragma once
#include "vmm/exit.h"
/* What to do about an exit: one handler for each neutral reason. In the vCPU's thread. */
enum exit_action exit_handle(struct vcpu *v, struct vm_exit *exit);
