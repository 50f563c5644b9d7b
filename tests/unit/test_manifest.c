// SOURCES: vmm/config.c vmm/config_value.c vmm/config_sched.c lib/string.c
/* vmm/config.c: every key, every mistake with its line, and anything at all as a manifest. */
#include "tests/unit/stubs/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/string.h"
#include "vmm/config.h"

#define MAX_ADDED 200
#define MAX_ERRORS 400

static struct partition_config scratch;
static struct partition_config added[MAX_ADDED];
static unsigned added_count;
static struct {
	unsigned line;
	char reason[160];
} errors[MAX_ERRORS];
static unsigned error_count;
static const char *missing; /* this file does not exist */
static u64 memory_limit;
static unsigned vcpus_limit;
static u64 cpus;

static void add(void *ctx, const struct partition_config *config)
{
	assert_ptr_equal(ctx, &scratch);
	if (added_count < MAX_ADDED)
		added[added_count] = *config;
	added_count++;
}

static void error(void *ctx, unsigned line, const char *reason)
{
	assert_ptr_equal(ctx, &scratch);
	assert_true(strlen(reason) > 5 && strlen(reason) < 160);
	if (error_count < MAX_ERRORS) {
		errors[error_count].line = line;
		strcpy(errors[error_count].reason, reason);
	}
	error_count++;
}

static bool exists(void *ctx, const char *path)
{
	assert_ptr_equal(ctx, &scratch);
	return !missing || strcmp(path, missing) != 0;
}

static void parse_bytes(const char *text, size_t len)
{
	struct manifest_callbacks cb = {
		.add = add,
		.error = error,
		.file_exists = exists,
		.memory_limit = memory_limit,
		.vcpus_limit = vcpus_limit,
		.cpus = cpus,
		.ctx = &scratch,
		.scratch = &scratch,
	};
	char *copy = malloc(len ? len : 1); /* of exactly this size, for AddressSanitizer */

	memcpy(copy, text, len);
	added_count = error_count = 0;
	memset(&scratch, 0xee, sizeof(scratch));
	manifest_parse(copy, len, &cb);
	free(copy);
}

static void parse(const char *text)
{
	parse_bytes(text, strlen(text));
}

/* One partition, no mistake. */
static const struct partition_config *good(const char *text)
{
	parse(text);
	if (error_count)
		fail_msg("%u: %s", errors[0].line, errors[0].reason);
	assert_int_equal(added_count, 1);
	return &added[0];
}

/* Exactly one mistake. */
static void bad(const char *text, unsigned line, const char *reason)
{
	parse(text);
	assert_int_equal(error_count, 1);
	if (errors[0].line != line || strcmp(errors[0].reason, reason) != 0)
		fail_msg("%u: %s", errors[0].line, errors[0].reason);
}

/* The same in a section that is otherwise good, as its third line; nothing is then added. */
static void bad_line(const char *text, const char *reason)
{
	static char manifest[8192 + 64];

	snprintf(manifest, sizeof(manifest), "[a]\nkernel=k\n%s\n", text);
	bad(manifest, 3, reason);
	assert_int_equal(added_count, 0);
}

static int setup(void **state)
{
	(void)state;
	missing = NULL;
	memory_limit = 0;
	vcpus_limit = 0;
	cpus = 0;
	return 0;
}

static void test_defaults(void **state)
{
	const struct partition_config *c = good("[linux]\nkernel=vmlinuz\n");

	(void)state;
	assert_string_equal(c->name, "linux");
	assert_string_equal(c->kernel, "vmlinuz");
	assert_string_equal(c->cmdline, "");
	assert_int_equal(c->initrd_count, 0);
	assert_int_equal(c->module_count, 0);
	assert_int_equal(c->memory, 64 * MIB);
	assert_int_equal(c->vcpus, 1);
	assert_true(c->autostart);
	assert_true(c->log);
	assert_true(c->restart_on_reset);
	assert_int_equal(c->sched.weight, 100);
	assert_int_equal(c->sched.priority, 2);
	assert_int_equal(c->sched.budget_ns, 0);
	assert_int_equal(c->sched.cpus, CPUS_ANY);
	assert_int_equal(c->line, 1);
	assert_int_equal(c->kernel_line, 2);
}

static void test_everything(void **state)
{
	const struct partition_config *c = good("# comment\r\n"
						"\r\n"
						"  [ Guest_1-x ]  # another\r\n"
						"kernel  = ../a/b.elf   # with a comment\r\n"
						"\tinitrd=one\r\n"
						"initrd = two three\r\n"
						"module = m\targs = x y\r\n"
						"module = m\r\n"
						"cmdline = a=b root=/dev/#1 \"c d\"\t# no\r\n"
						"memory = 1536M\r\n"
						"vcpus = 16\r\n"
						"autostart = no\r\n"
						"log = no\r\n"
						"on-reset = stop");

	(void)state;
	assert_string_equal(c->name, "Guest_1-x");
	assert_string_equal(c->kernel, "../a/b.elf");
	assert_int_equal(c->initrd_count, 3);
	assert_string_equal(c->initrd[0], "one");
	assert_string_equal(c->initrd[1], "two");
	assert_string_equal(c->initrd[2], "three");
	assert_int_equal(c->module_count, 2);
	assert_string_equal(c->module[0], "m args = x y");
	assert_string_equal(c->module[1], "m");
	assert_string_equal(c->cmdline, "a=b root=/dev/#1 \"c d\"");
	assert_int_equal(c->memory, 1536 * MIB);
	assert_int_equal(c->memory_line, 10);
	assert_int_equal(c->vcpus, 16);
	assert_false(c->autostart);
	assert_false(c->log);
	assert_false(c->restart_on_reset);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		u64 bytes;
	} sizes[] = {
		{ "1M", MIB },
		{ "1024K", MIB },
		{ "1048576", MIB },
		{ "512G", 512 * GIB },
		{ "00000000000000000000000002M", 2 * MIB },
		{ "1048577", MIB }, /* whole pages */
	};
	char text[100];
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(text, sizeof(text), "[a]\nkernel=k\nmemory=%s", sizes[i].text);
		assert_int_equal(good(text)->memory, sizes[i].bytes);
	}
	bad_line("memory=", "bad size \"\": a number and K, M or G");
	bad_line("memory=M", "bad size \"M\": a number and K, M or G");
	bad_line("memory=1.5G", "bad size \"1.5G\": a number and K, M or G");
	bad_line("memory=-1M", "bad size \"-1M\": a number and K, M or G");
	bad_line("memory=64m", "bad size \"64m\": a number and K, M or G");
	bad_line("memory=0x100000", "bad size \"0x100000\": a number and K, M or G");
	bad_line("memory=64 M", "bad size \"64 M\": a number and K, M or G");
	bad_line("memory=1023K", "memory 1023K is less than 1M");
	bad_line("memory=0", "memory 0 is less than 1M");
	bad_line("memory=513G", "memory 513G does not fit: at most 512G");
	bad_line("memory=99999999999999999999999999",
		 "memory 99999999999999999999999999 does not fit: at most 512G");
	bad_line("memory=17179869184G", "memory 17179869184G does not fit: at most 512G");
	memory_limit = 300 * MIB;
	bad_line("memory=301M", "memory 301M does not fit: at most 300M");
	assert_int_equal(good("[a]\nkernel=k\nmemory=300M\n")->memory, 300 * MIB);
}

static void test_vcpus(void **state)
{
	(void)state;
	bad_line("vcpus=0", "bad vcpus \"0\": 1 to 16");
	bad_line("vcpus=17", "bad vcpus \"17\": 1 to 16");
	bad_line("vcpus=", "bad vcpus \"\": 1 to 16");
	bad_line("vcpus=1K", "bad vcpus \"1K\": 1 to 16");
	bad_line("vcpus=two", "bad vcpus \"two\": 1 to 16");
	bad_line("vcpus=18446744073709551617", "bad vcpus \"18446744073709551617\": 1 to 16");
	vcpus_limit = 2;
	bad_line("vcpus=3", "bad vcpus \"3\": 1 to 2");
}

static void test_weight_and_priority(void **state)
{
	(void)state;
	assert_int_equal(good("[a]\nkernel=k\nweight=10000\n")->sched.weight, 10000);
	assert_int_equal(good("[a]\nkernel=k\nweight=0001\n")->sched.weight, 1);
	assert_int_equal(good("[a]\nkernel=k\npriority=4\n")->sched.priority, 4);
	bad_line("weight=0", "bad weight \"0\": 1 to 10000");
	bad_line("weight=10001", "bad weight \"10001\": 1 to 10000");
	bad_line("weight=", "bad weight \"\": 1 to 10000");
	bad_line("weight=1K", "bad weight \"1K\": 1 to 10000");
	bad_line("weight=18446744073709551617", "bad weight \"18446744073709551617\": 1 to 10000");
	bad_line("priority=0", "bad priority \"0\": 1 to 4");
	bad_line("priority=5", "bad priority \"5\": 1 to 4");
	bad_line("priority=high", "bad priority \"high\": 1 to 4");
}

static void test_budget(void **state)
{
	const struct sched_params *p = &good("[a]\nkernel=k\nbudget=10ms/100ms\n")->sched;

	(void)state;
	assert_int_equal(p->budget_ns, 10 * NS_PER_MS);
	assert_int_equal(p->period_ns, 100 * NS_PER_MS);
	p = &good("[a]\nkernel=k\nbudget=10us/10s\n")->sched;
	assert_int_equal(p->budget_ns, 10 * NS_PER_US);
	assert_int_equal(p->period_ns, 10 * NS_PER_SEC);
	p = &good("[a]\nkernel=k\nbudget=1ms/1ms\n")->sched;
	assert_int_equal(p->budget_ns, p->period_ns);
	bad_line("budget=10/100", "bad budget \"10/100\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=10ms", "bad budget \"10ms\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=", "bad budget \"\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=/", "bad budget \"/\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=ms/s", "bad budget \"ms/s\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=1ms/2ms/3ms",
		 "bad budget \"1ms/2ms/3ms\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=1ns/2ms", "bad budget \"1ns/2ms\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=1 ms/2ms", "bad budget \"1 ms/2ms\": like 10ms/100ms, in us, ms or s");
	bad_line("budget=1us/999us", "budget 1us/999us: the period must be 1ms to 10s");
	bad_line("budget=1s/11s", "budget 1s/11s: the period must be 1ms to 10s");
	bad_line("budget=9us/1s", "budget 9us/1s is less than 10us");
	bad_line("budget=0s/1s", "budget 0s/1s is less than 10us");
	bad_line("budget=101ms/100ms", "budget 101ms/100ms is more than its period");
	bad_line("budget=99999999999999999999s/1s",
		 "budget 99999999999999999999s/1s is more than its period");
	bad_line("budget=1s/18446744073709551615s",
		 "budget 1s/18446744073709551615s: the period must be 1ms to 10s");
}

static void test_cpus(void **state)
{
	(void)state;
	assert_int_equal(good("[a]\nkernel=k\ncpus=0\n")->sched.cpus, 1);
	assert_int_equal(good("[a]\nkernel=k\ncpus=0,1\n")->sched.cpus, 3);
	assert_int_equal(good("[a]\nkernel=k\ncpus=5,0-2,1\n")->sched.cpus, 0x27);
	assert_int_equal(good("[a]\nkernel=k\ncpus=0-63\n")->sched.cpus, UINT64_MAX);
	bad_line("cpus=", "bad cpus \"\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=0,", "bad cpus \"0,\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=,0", "bad cpus \",0\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=0, 1", "bad cpus \"0, 1\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=1-0", "bad cpus \"1-0\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=1-", "bad cpus \"1-\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=1-2-3", "bad cpus \"1-2-3\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=64", "bad cpus \"64\": like 0,1 or 0-3, of 0 to 63");
	bad_line("cpus=all", "bad cpus \"all\": like 0,1 or 0-3, of 0 to 63");
	cpus = BIT(0) | BIT(2);
	bad_line("cpus=1", "cpus 1: none of them can run guests here");
	bad_line("cpus=3-63", "cpus 3-63: none of them can run guests here");
	assert_int_equal(good("[a]\nkernel=k\ncpus=1-3\n")->sched.cpus, 0xe);
}

static void test_choices(void **state)
{
	(void)state;
	bad_line("autostart=maybe", "autostart is yes or no, not \"maybe\"");
	bad_line("log=", "log is yes or no, not \"\"");
	bad_line("on-reset=yes", "on-reset is restart or stop, not \"yes\"");
	bad_line("log=yes no", "log is yes or no, not \"yes no\"");
}

static void test_keys(void **state)
{
	(void)state;
	bad_line("colour=red", "unknown key \"colour\"");
	bad_line("=red", "unknown key \"\"");
	bad_line("Memory=1M", "unknown key \"Memory\"");
	bad_line("kernel=again", "duplicate key \"kernel\"");
	bad_line("memory", "neither a [section] nor a key = value: memory");
	bad("kernel=k\n", 1, "kernel before the first [section]");
	bad("# x\n[a]\nlog=no\n", 2, "partition \"a\" has no kernel");
	bad("[a]\nkernel=a b\n", 2, "kernel needs one path, not \"a b\"");
	bad("[a]\nkernel=\n", 2, "kernel needs one path, not \"\"");
	bad_line("initrd=", "initrd needs a path");
	bad_line("module =", "module needs a path");
	bad_line("initrd=a$b", "bad character in path: a$b");
}

static void test_files(void **state)
{
	(void)state;
	missing = "gone";
	bad("[a]\nkernel=gone\n", 2, "missing file: gone");
	bad_line("initrd=here gone", "missing file: gone");
	bad_line("module=gone args", "missing file: gone");
	good("[a]\nkernel=k\nmodule=here gone\n");
	/* The same file as often as one likes. */
	parse("[a]\nkernel=k\ninitrd=k\ninitrd=k\n[b]\nkernel=k\n");
	assert_int_equal(error_count, 0);
	assert_int_equal(added_count, 2);
}

static void test_sections(void **state)
{
	(void)state;
	bad("[a]\nkernel=k\n[b]\nkernel=k\n [ a ] #\nkernel=k\n", 5,
	    "duplicate partition name \"a\"");
	assert_int_equal(added_count, 2);
	bad("[a\nkernel=k\n", 1, "section without ]: [a");
	bad("[]\nkernel=k\n", 1, "bad partition name \"\": 1 to 31 of A-Z a-z 0-9 _ -");
	bad("[a b]\nkernel=k\n", 1, "bad partition name \"a b\": 1 to 31 of A-Z a-z 0-9 _ -");
	good("[1234567890123456789012345678901]\nkernel=k\n");
	bad("[12345678901234567890123456789012]\nkernel=k\n", 1,
	    "bad partition name \"12345678901234567890123456789012\": 1 to 31 of A-Z a-z 0-9 _ -");
}

/* A mistake costs its own section only. */
static void test_others_start(void **state)
{
	(void)state;
	parse("stray\n[a]\nkernel=k\n[b]\nkernel=k\nx=y\nvcpus=99\n[c]\n[d]\nkernel=d\nlog=no\n");
	assert_int_equal(added_count, 2);
	assert_string_equal(added[0].name, "a");
	assert_true(added[0].log);
	assert_string_equal(added[1].name, "d");
	assert_int_equal(error_count, 4);
	assert_int_equal(errors[0].line, 1);
	assert_int_equal(errors[1].line, 6);
	assert_int_equal(errors[2].line, 7);
	assert_int_equal(errors[3].line, 8);
}

static void test_lengths(void **state)
{
	static char text[8192], value[CONFIG_CMDLINE];

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	snprintf(text, sizeof(text), "[a]\nkernel=k\ncmdline=%s\n", value);
	assert_string_equal(good(text)->cmdline, value);
	snprintf(text, sizeof(text), "cmdline=%sx", value);
	bad_line(text, "cmdline too long: 1024 characters, at most 1023");
	snprintf(text, sizeof(text), "[a]\nkernel=k\nmodule=m %s\n", value + 2);
	assert_int_equal(strlen(good(text)->module[0]), CONFIG_CMDLINE - 1);
	snprintf(text, sizeof(text), "module=m %s", value + 1);
	bad_line(text, "module too long: at most 1023 characters");
	value[CONFIG_PATH - 1] = '\0';
	snprintf(text, sizeof(text), "[a]\nkernel=%s\n", value);
	assert_string_equal(good(text)->kernel, value);
	snprintf(text, sizeof(text), "module=%sv args", value);
	bad_line(text, "path too long: vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv...: "
		       "at most 127 characters");
}

static void test_too_many(void **state)
{
	static char text[16384];
	unsigned i;
	int n = sprintf(text, "[a]\nkernel=k\n");

	(void)state;
	for (i = 0; i < CONFIG_FILES; i++)
		n += sprintf(text + n, "initrd=i%u\nmodule=m%u %u\n", i, i, i);
	assert_int_equal(good(text)->initrd_count, CONFIG_FILES);
	sprintf(text + n, "initrd=i");
	bad(text, 35, "too many initrds: at most 16");
	sprintf(text + n, "module=%0200d x", 1);
	bad(text, 35, "too many modules: at most 16");

	for (n = 0, i = 0; i <= CONFIG_PARTITIONS + 3; i++)
		n += sprintf(text + n, "[p%u]\nkernel=k\n", i);
	bad(text, CONFIG_PARTITIONS * 2 + 1, "too many partitions: at most 128");
	assert_int_equal(added_count, CONFIG_PARTITIONS);
}

static void test_binary(void **state)
{
	static const char nul[] = "[a]\nkernel=k\n[b]\nkernel=k\0\n[c]\nkernel=k\n";

	(void)state;
	parse_bytes(nul, sizeof(nul) - 1);
	assert_int_equal(added_count, 1);
	assert_string_equal(errors[0].reason, "a NUL byte: this is no text; not read any further");
	bad_line("cmdline=a\033[b", "a control character (0x1b)");
	bad_line("log=no # \177", "a control character (0x7f)");
	/* Bytes beyond ASCII are characters. */
	good("# \303\244\n[a]\nkernel=k\303\244\ncmdline=\377\n");
	parse("");
	assert_int_equal(added_count + error_count, 0);
	parse("\n\n\r\n#");
	assert_int_equal(added_count + error_count, 0);
}

static const char sample[] = "# c\n[a]\nkernel=k\ninitrd=i j\nmodule=m a b\ncmdline=x # c\n"
			     "memory=64M\nvcpus=2\nautostart=yes\nlog=no\non-reset=stop\nweight=7\n"
			     "budget=10ms/20ms\npriority=3\ncpus=0,2-3\n[b]\n"
			     "kernel = k\n";

static void check_added(void)
{
	unsigned i;

	for (i = 0; i < MIN(added_count, MAX_ADDED); i++) {
		const struct partition_config *c = &added[i];

		assert_non_null(memchr(c->name, 0, sizeof(c->name)));
		assert_true(c->name[0] && c->kernel[0]);
		assert_non_null(memchr(c->kernel, 0, sizeof(c->kernel)));
		assert_non_null(memchr(c->cmdline, 0, sizeof(c->cmdline)));
		assert_true(c->initrd_count <= CONFIG_FILES && c->module_count <= CONFIG_FILES);
		assert_true(c->memory >= MIB && c->memory <= 512 * GIB);
		assert_true(c->vcpus >= 1 && c->vcpus <= 16);
		assert_true(c->sched.weight >= 1 && c->sched.weight <= 10000);
		assert_true(c->sched.priority >= 1 && c->sched.priority <= 4);
		assert_true(c->sched.budget_ns <= c->sched.period_ns && c->sched.cpus);
	}
}

static void test_torture(void **state)
{
	static const char alphabet[] = "[]=# \t\r\nakernelKMG019\0\"$-,/ms";
	char text[sizeof(sample)];
	u64 seed = 3;
	unsigned i, n;

	(void)state;
	missing = "m";
	for (i = 0; i < sizeof(sample); i++) {
		parse_bytes(sample, i);
		check_added();
	}
	for (i = 0; i < 100000; i++) {
		memcpy(text, sample, sizeof(text));
		for (n = unit_random(&seed) % 6; n; n--) {
			u64 r = unit_random(&seed);

			text[r % sizeof(text)] =
			    r & BIT(40) ? (char)(r >> 48) : alphabet[(r >> 48) % sizeof(alphabet)];
		}
		parse_bytes(text, unit_random(&seed) % sizeof(text));
		check_added();
	}
}

/* The manifest on standard input, as tests/machine/test_tools.py compares it. */
static int print_parsed(void)
{
	static char text[65536];
	unsigned i;

	parse_bytes(text, fread(text, 1, sizeof(text), stdin));
	for (i = 0; i < MIN(error_count, MAX_ERRORS); i++)
		printf("error %u %s\n", errors[i].line, errors[i].reason);
	for (i = 0; i < MIN(added_count, MAX_ADDED); i++) {
		const struct partition_config *c = &added[i];

		printf("%s %s %lu %u %d%d%d %u %u %lu/%lu %lx\n", c->name, c->kernel,
		       (unsigned long)c->memory, c->vcpus, c->autostart, c->log,
		       c->restart_on_reset, c->sched.weight, c->sched.priority,
		       (unsigned long)(c->sched.budget_ns / NS_PER_US),
		       (unsigned long)(c->sched.period_ns / NS_PER_US),
		       (unsigned long)c->sched.cpus);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults, setup),
		cmocka_unit_test_setup(test_everything, setup),
		cmocka_unit_test_setup(test_sizes, setup),
		cmocka_unit_test_setup(test_vcpus, setup),
		cmocka_unit_test_setup(test_weight_and_priority, setup),
		cmocka_unit_test_setup(test_budget, setup),
		cmocka_unit_test_setup(test_cpus, setup),
		cmocka_unit_test_setup(test_choices, setup),
		cmocka_unit_test_setup(test_keys, setup),
		cmocka_unit_test_setup(test_files, setup),
		cmocka_unit_test_setup(test_sections, setup),
		cmocka_unit_test_setup(test_others_start, setup),
		cmocka_unit_test_setup(test_lengths, setup),
		cmocka_unit_test_setup(test_too_many, setup),
		cmocka_unit_test_setup(test_binary, setup),
		cmocka_unit_test_setup(test_torture, setup),
	};

	(void)argv;
	if (argc > 1)
		return print_parsed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
