/*
 * The PC's keyboard controller: an 8042 with the program that the AT and PS/2 technical references
 * describe. Nothing is plugged into the keyboard's connector, and it has none for a mouse: a byte
 * for either is answered at once by "resend" with the time-out bit, as the controller itself does
 * after a device's silence, so that a driver's probe ends soon.
 *
 * The A20 gate is a bit that is remembered: address line 20 is never masked.
 */
#include "vmm/dev/vi8042.h"

#include "error.h"
#include "lib/string.h"

#define STATUS_OBF BIT(0)     /* the output buffer is full */
#define STATUS_SYSTEM BIT(2)  /* the self test has passed */
#define STATUS_COMMAND BIT(3) /* the last write went to the command port */
#define STATUS_UNLOCKED BIT(4)
#define STATUS_AUX BIT(5) /* the output buffer's byte is the mouse's */
#define STATUS_TIMEOUT BIT(6)

#define COMMAND_BYTE 0 /* its place in the RAM */
#define CB_KBD_INT BIT(0)
#define CB_AUX_INT BIT(1)
#define CB_SYSTEM BIT(2)
#define CB_KBD_DISABLE BIT(4)
#define CB_AUX_DISABLE BIT(5)
#define CB_TRANSLATE BIT(6)

#define OUT_NO_RESET BIT(0)
#define OUT_A20 BIT(1)
#define OUT_KBD_FULL BIT(4)
#define OUT_AUX_FULL BIT(5)
#define OUT_IDLE 0xcc /* clock and data lines high; two that are not connected */

#define INPUT_UNLOCKED 0x80
#define TEST_LINES 0x03 /* pulled up: nothing is connected */

#define CMD_READ_RAM 0x20  /* .. 0x3f */
#define CMD_WRITE_RAM 0x60 /* .. 0x7f */
#define CMD_TEST_PASSWORD 0xa4
#define CMD_AUX_DISABLE 0xa7
#define CMD_AUX_ENABLE 0xa8
#define CMD_AUX_TEST 0xa9
#define CMD_SELF_TEST 0xaa
#define CMD_KBD_TEST 0xab
#define CMD_KBD_DISABLE 0xad
#define CMD_KBD_ENABLE 0xae
#define CMD_READ_INPUT 0xc0
#define CMD_READ_OUTPUT 0xd0
#define CMD_WRITE_OUTPUT 0xd1
#define CMD_LOOP_KBD 0xd2
#define CMD_LOOP_AUX 0xd3
#define CMD_WRITE_AUX 0xd4
#define CMD_A20_OFF 0xdd
#define CMD_A20_ON 0xdf
#define CMD_READ_TEST 0xe0
#define CMD_PULSE 0xf0 /* .. 0xff: the low bits that are 0 are pulsed */

#define SELF_TEST_PASSED 0x55
#define PASSWORD_NONE 0xf1
#define TEST_PASSED 0x00
#define TEST_CLOCK_HIGH 0x02
#define REPLY_RESEND 0xfe

static void vi8042_update(struct vi8042 *k)
{
	struct vi8042_state *s = &k->state;
	bool full = s->status & STATUS_OBF, aux = s->status & STATUS_AUX;
	u8 cb = s->ram[COMMAND_BYTE];

	irqline_set(&k->kbd, full && !aux && (cb & CB_KBD_INT));
	irqline_set(&k->aux, full && aux && (cb & CB_AUX_INT));
}

/* A byte for the guest. One that it has not read is lost. */
static void reply(struct vi8042 *k, u8 v, u8 flags)
{
	struct vi8042_state *s = &k->state;

	s->output = v;
	s->status = (s->status & ~(STATUS_AUX | STATUS_TIMEOUT)) | STATUS_OBF | flags;
	vi8042_update(k);
}

static u8 output_port(const struct vi8042_state *s)
{
	u8 full = s->status & STATUS_AUX ? OUT_AUX_FULL : OUT_KBD_FULL;

	return (s->output_port & ~(OUT_KBD_FULL | OUT_AUX_FULL)) |
	       (s->status & STATUS_OBF ? full : 0);
}

static void reset_machine(struct vi8042 *k)
{
	if (k->platform.event)
		k->platform.event(k->platform.ctx, PLATFORM_RESET);
}

static void write_output_port(struct vi8042 *k, u8 v)
{
	k->state.output_port = v;
	if (!(v & OUT_NO_RESET))
		reset_machine(k);
}

static void write_ram(struct vi8042 *k, unsigned at, u8 v)
{
	struct vi8042_state *s = &k->state;

	s->ram[at % ARRAY_SIZE(s->ram)] = v;
	if (at == COMMAND_BYTE) {
		s->status = (s->status & ~STATUS_SYSTEM) | (v & CB_SYSTEM ? STATUS_SYSTEM : 0);
		vi8042_update(k);
	}
}

static void self_test(struct vi8042 *k)
{
	struct vi8042_state *s = &k->state;

	s->status |= STATUS_SYSTEM;
	s->ram[COMMAND_BYTE] = CB_TRANSLATE | CB_AUX_DISABLE | CB_KBD_DISABLE | CB_SYSTEM;
	reply(k, SELF_TEST_PASSED, 0);
}

/* Commands that change the controller. False: not one of them. */
static bool command_control(struct vi8042 *k, u8 v)
{
	struct vi8042_state *s = &k->state;
	u8 *cb = &s->ram[COMMAND_BYTE];

	switch (v) {
	case CMD_AUX_DISABLE: *cb |= CB_AUX_DISABLE; return true;
	case CMD_AUX_ENABLE: *cb &= ~CB_AUX_DISABLE; return true;
	case CMD_KBD_DISABLE: *cb |= CB_KBD_DISABLE; return true;
	case CMD_KBD_ENABLE: *cb &= ~CB_KBD_DISABLE; return true;
	case CMD_SELF_TEST: self_test(k); return true;
	case CMD_A20_OFF: s->output_port &= ~OUT_A20; return true;
	case CMD_A20_ON: s->output_port |= OUT_A20; return true;
	default: return false;
	}
}

/* Commands that only answer. False: not one of them. */
static bool command_query(struct vi8042 *k, u8 v)
{
	switch (v) {
	case CMD_TEST_PASSWORD: reply(k, PASSWORD_NONE, 0); return true;
	case CMD_AUX_TEST: reply(k, TEST_CLOCK_HIGH, 0); return true;
	case CMD_KBD_TEST: reply(k, TEST_PASSED, 0); return true;
	case CMD_READ_INPUT: reply(k, INPUT_UNLOCKED, 0); return true;
	case CMD_READ_OUTPUT: reply(k, output_port(&k->state), 0); return true;
	case CMD_READ_TEST: reply(k, TEST_LINES, 0); return true;
	default: return false;
	}
}

static void write_command(struct vi8042 *k, u8 v)
{
	struct vi8042_state *s = &k->state;

	s->status |= STATUS_COMMAND;
	s->command = 0;
	if (v >= CMD_PULSE) {
		if (!(v & OUT_NO_RESET))
			reset_machine(k);
	} else if (v >= CMD_READ_RAM && v < CMD_READ_RAM + ARRAY_SIZE(s->ram)) {
		reply(k, s->ram[v - CMD_READ_RAM], 0);
	} else if ((v >= CMD_WRITE_RAM && v < CMD_WRITE_RAM + ARRAY_SIZE(s->ram)) ||
		   (v >= CMD_WRITE_OUTPUT && v <= CMD_WRITE_AUX)) {
		s->command = v; /* its data comes next */
	} else if (!command_control(k, v) && !command_query(k, v)) {
		s->unknown++;
	}
}

/* The data of a command, or a byte for the keyboard. */
static void write_data(struct vi8042 *k, u8 v)
{
	struct vi8042_state *s = &k->state;
	u8 command = s->command;

	s->status &= ~STATUS_COMMAND;
	s->command = 0;
	switch (command) {
	case 0: /* sending to the keyboard enables it */
		s->ram[COMMAND_BYTE] &= ~CB_KBD_DISABLE;
		reply(k, REPLY_RESEND, STATUS_TIMEOUT);
		break;
	case CMD_WRITE_OUTPUT: write_output_port(k, v); break;
	case CMD_LOOP_KBD:
	case CMD_LOOP_AUX: /* without the mouse's status bit: there is no such connector */
		reply(k, v, 0);
		break;
	case CMD_WRITE_AUX: reply(k, REPLY_RESEND, STATUS_AUX | STATUS_TIMEOUT); break;
	default: write_ram(k, command - CMD_WRITE_RAM, v); break;
	}
}

static void data_io(void *dev, struct io_access *a)
{
	struct vi8042 *k = dev;

	if (a->write) {
		write_data(k, (u8)a->value);
		return;
	}
	a->value = k->state.output;
	k->state.status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
	vi8042_update(k);
}

static void command_io(void *dev, struct io_access *a)
{
	struct vi8042 *k = dev;

	if (a->write)
		write_command(k, (u8)a->value);
	else
		a->value = k->state.status;
}

/* As firmware leaves it: tested, both interfaces off, A20 open. */
void vi8042_reset(struct vi8042 *k)
{
	struct vi8042_state *s = &k->state;

	memset(s, 0, sizeof(*s));
	s->status = STATUS_UNLOCKED | STATUS_SYSTEM;
	s->ram[COMMAND_BYTE] = CB_TRANSLATE | CB_AUX_DISABLE | CB_KBD_DISABLE | CB_SYSTEM;
	s->output_port = OUT_IDLE | OUT_A20 | OUT_NO_RESET;
	vi8042_update(k);
}

int vi8042_init(struct vi8042 *k, struct iobus *bus, struct irqline kbd, struct irqline aux,
		struct platform_hooks platform)
{
	int r;

	k->kbd = kbd;
	k->aux = aux;
	k->platform = platform;
	vi8042_reset(k);
	r = iobus_add_bytes(bus, IO_PORT, VI8042_DATA_PORT, 1, "i8042", data_io, k);
	if (r == 0)
		r = iobus_add_bytes(bus, IO_PORT, VI8042_COMMAND_PORT, 1, "i8042", command_io, k);
	return r;
}
