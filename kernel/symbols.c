#include "kernel/symbols.h"

struct kernel_symbol {
	u64 address, name_offset;
};

extern const struct kernel_symbol kernel_symbols[];
extern const u64 kernel_symbol_count;
extern const char kernel_symbol_names[], text_start[], text_end[];

const char *symbol_lookup(u64 address, u64 *offset)
{
	u64 low = 0, high = kernel_symbol_count;

	if (address < (u64)text_start || address >= (u64)text_end)
		return NULL;
	while (low < high) { /* the first symbol above the address */
		u64 mid = (low + high) / 2;

		if (kernel_symbols[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return NULL;
	*offset = address - kernel_symbols[low - 1].address;
	return kernel_symbol_names + kernel_symbols[low - 1].name_offset;
}
