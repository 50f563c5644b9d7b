/* Which vendor this machine is: the only file of vmm/ that names both back ends. */
#include "vmm/backend.h"

#include "error.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/smp.h"
#include "lib/string.h"

const struct vcpu_backend *backend;
u64 cpus_for_guests;

struct attempt {
	const struct vcpu_backend *backend;
	int result;
};

static void probe_here(void *arg)
{
	struct attempt *a = arg;

	a->result = a->backend->probe();
}

static void enable_here(void *arg)
{
	struct attempt *a = arg;
	unsigned id = this_cpu()->id;

	a->result = a->backend->cpu_enable();
	if (a->result == 0)
		cpus_for_guests |= BIT(id);
	else if (id)
		log_warn("CPU %u runs no guests", id);
}

static int backend_try(const struct vcpu_backend *b)
{
	struct attempt a = { .backend = b };

	smp_call(cpus[0], probe_here, &a);
	if (a.result == 0)
		smp_call(cpus[0], enable_here, &a);
	if (a.result)
		return a.result;
	backend = b;
	for (unsigned i = 1; i < cpu_count; i++)
		smp_call(cpus[i], enable_here, &a);
	return 0;
}

int backend_init(const char *name)
{
	static const struct vcpu_backend *const known[] = { &vmx_backend, &svm_backend };
	bool automatic = strcmp(name, "auto") == 0, found = false;

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		if (!automatic && strcmp(name, known[i]->name) != 0)
			continue;
		found = true;
		if (backend_try(known[i]) == 0)
			return 0;
	}
	if (!found)
		log_error("backend=%s: unknown; choose auto, vmx or svm", name);
	else
		log_error(
		    "no hardware virtualization: this processor offers neither VMX with EPT nor "
		    "SVM with nested paging%s%s",
		    automatic ? "" : " for backend=", automatic ? "" : name);
	return -ENODEV;
}
