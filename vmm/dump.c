/*
 * The state of a vCPU in words: for the log when a partition stops by error, and for the monitor.
 */
#include "lib/format.h"
#include "vmm/decode.h"
#include "vmm/partition.h"
#include "vmm/picture.h"
#include "vmm/run.h"

typedef void (*print_t)(const char *fmt, ...) PRINTF(1, 2);

static void print_registers(const struct vcpu_picture *pic, print_t print)
{
	static const char *const names[REG_GPRS] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15",
	};

	for (unsigned i = 0; i < REG_GPRS; i += 4) {
		print("  %s %016lx  %s %016lx  %s %016lx  %s %016lx", names[i], pic->reg[i],
		      names[i + 1], pic->reg[i + 1], names[i + 2], pic->reg[i + 2], names[i + 3],
		      pic->reg[i + 3]);
	}
	print("  rip %016lx  rflags %08lx  cr0 %08lx  cr2 %016lx", pic->reg[REG_RIP],
	      pic->reg[REG_RFLAGS], pic->reg[REG_CR0], pic->reg[REG_CR2]);
	print("  cr3 %016lx  cr4 %08lx  efer %04lx  dr6 %08lx  dr7 %08lx", pic->reg[REG_CR3],
	      pic->reg[REG_CR4], pic->reg[REG_EFER], pic->reg[REG_DR6], pic->reg[REG_DR7]);
}

static void print_segments(const struct vcpu_picture *pic, print_t print)
{
	static const char *const names[SEG_COUNT] = {
		"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr", "gdtr", "idtr",
	};

	for (unsigned i = 0; i < SEG_COUNT; i++) {
		const struct segment *s = &pic->seg[i];

		print("  %-4s %04x base %016lx limit %08x attr %05x%s", names[i], s->selector,
		      s->base, s->limit, s->attr, s->attr & SEG_ATTR_UNUSABLE ? " unusable" : "");
	}
}

static void print_code(const struct vcpu_picture *pic, print_t print)
{
	char hex[3 * sizeof(pic->code) + 1] = "", text[64] = "?";
	struct insn insn;

	if (pic->code_len == 0) {
		print("  the bytes at rip cannot be read");
		return;
	}
	for (unsigned i = 0; i < pic->code_len; i++)
		snprintf(hex + 3 * i, 4, "%02x ", pic->code[i]);
	if (insn_decode(&insn, pic->code, pic->code_len, pic->code_bits) == 0)
		insn_format(&insn, pic->reg[REG_RIP], text, sizeof(text));
	print("  code %s: %s", hex, text);
}

static void print_exit(const struct vm_exit *e, print_t print)
{
	print("  last exit: %s (%s reason %#lx) at %#lx", vm_exit_name(e->reason), backend->name,
	      e->raw, e->rip);
	if (e->reason == VM_EXIT_IO)
		print("  port %#x, %u bytes, %s%s", e->u.io.port, e->u.io.size,
		      e->u.io.in ? "in" : "out", e->u.io.string ? ", string" : "");
	if (e->reason == VM_EXIT_FAULT)
		print("  guest-physical %#lx, %s%s", e->u.fault.gpa,
		      e->u.fault.fetch	 ? "fetch"
		      : e->u.fault.write ? "write"
					 : "read",
		      e->u.fault.walk ? ", in a walk of the guest's tables" : "");
	if (e->reason == VM_EXIT_RDMSR || e->reason == VM_EXIT_WRMSR)
		print("  msr %#x", e->u.msr.index);
	if (e->reason == VM_EXIT_EXCEPTION)
		print("  vector %u, error %#x", e->u.exception.vector, e->u.exception.error);
}

void vcpu_dump(struct vcpu *v, print_t print)
{
	struct vcpu_picture pic;

	vcpu_take_picture(v, &pic);
	print("%s.%u:", v->partition->config.name, v->id);
	print_exit(&pic.exit, print);
	print_registers(&pic, print);
	print_segments(&pic, print);
	print_code(&pic, print);
}
