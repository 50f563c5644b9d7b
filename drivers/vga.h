#pragma once
#include "types.h"
/* VGA text at B8000, where there is one: early messages and panics, for a person at a screen. */
void vga_init(bool present);
/* A printable character or a newline, at the end of the screen's text. Any context. */
void vga_put(char c);
