/* Which vendor this machine is: the only file of vmm/ that names both back ends. */
#include "vmm/backend.h"

#include "error.h"
#include "kernel/log.h"
#include "lib/string.h"

const struct vcpu_backend *backend;

static int backend_try(const struct vcpu_backend *b)
{
	int r = b->probe();

	if (r == 0)
		r = b->cpu_enable();
	if (r == 0)
		backend = b;
	return r;
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
