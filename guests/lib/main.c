/* From the assembly entry to the guest's own main function. */
#include "irq.h"
#include "lib.h"
#include "trap.h"

void guest_start(u32 mb_magic, u32 mb_info);

void guest_start(u32 mb_magic, u32 mb_info)
{
	serial_init();
#ifdef __x86_64__
	trap_init();
	pic_init(); /* firmware leaves IRQ 0 on the vector of #DF */
#endif
	cmdline_init(mb_magic, mb_info);
	guest_main(mb_magic, mb_info);
	verdict();
}
