/* The VGA text screen, as a paper roll: no cursor movement, no colours. */
#include "drivers/vga.h"
#include "compiler.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "x86/insn.h"

#define VGA_TEXT_BASE 0xb8000
#define VGA_CRTC_INDEX 0x3d4
#define VGA_CRTC_DATA 0x3d5
#define CRTC_CURSOR_START 0x0a
#define CURSOR_OFF 0x20
#define COLUMNS 80
#define ROWS 25
#define BLANK 0x0720 /* a space, light grey on black */

static u16 *screen; /* NULL: there is none */
static unsigned column, row;

static void blank_row(unsigned r)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		screen[r * COLUMNS + i] = BLANK;
}

void vga_init(bool present)
{
	if (!present)
		return;
	screen = phys_to_virt(VGA_TEXT_BASE);
	for (unsigned r = 0; r < ROWS; r++)
		blank_row(r);
	x86_outb(VGA_CRTC_INDEX, CRTC_CURSOR_START);
	x86_outb(VGA_CRTC_DATA, CURSOR_OFF);
}

static void new_line(void)
{
	column = 0;
	if (++row < ROWS)
		return;
	row = ROWS - 1;
	memmove(screen, screen + COLUMNS, sizeof(*screen) * COLUMNS * (ROWS - 1));
	blank_row(ROWS - 1);
}

void vga_put(char c)
{
	if (!screen)
		return;
	if (column == COLUMNS)
		new_line();
	if (c == '\n')
		new_line();
	else if (c >= ' ')
		screen[row * COLUMNS + column++] = (BLANK & 0xff00) | (u8)c;
}
