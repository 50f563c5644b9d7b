/* The table by which the rest of the VMM reaches VMX. */
#include "mm/pt.h"
#include "vmm/vmx/vmx.h"

const struct vcpu_backend vmx_backend = {
	.name = "vmx",
	.format = &pt_format_ept,
	.probe = vmx_probe,
	.cpu_enable = vmx_cpu_enable,
	.partition_init = vmx_partition_init,
	.partition_free = vmx_partition_free,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_free = vmx_vcpu_free,
	.load = vmx_load,
	.put = vmx_put,
	.run = vmx_run,
	.get_reg = vmx_get_reg,
	.set_reg = vmx_set_reg,
	.skip = vmx_skip,
	.get_context = vmx_get_context,
	.get_seg = vmx_get_seg,
	.set_seg = vmx_set_seg,
	.can_inject = vmx_can_inject,
	.inject = vmx_inject,
	.want_window = vmx_want_window,
	.discard_events = vmx_discard_events,
	.trap_exception = vmx_trap_exception,
	.single_step = vmx_single_step,
	.pause_exits = vmx_pause_exits,
	.set_tsc_offset = vmx_set_tsc_offset,
	.flush = vmx_flush,
	.dump = vmx_dump,
};
