#pragma once
/* The monitor: a prompt on COM1 to look at partitions and to control them. */

/* Starts its thread. After vmm_init(). */
void monitor_start(void);

struct monitor_command {
	const char *name;
	const char *args; /* "NAME", "" */
	const char *help;
	void (*run)(int argc, char **argv); /* argv[0] is the command */
};

void monitor_sched(int argc, char **argv);

extern const struct monitor_command monitor_commands[]; /* ends with name NULL */
/* Those with a file of their own. */
void monitor_cpus(int argc, char **argv);
/* The command or partition names that begin with a word: calls fn for each. */
void monitor_complete(const char *word, int first_word, void (*fn)(const char *name, void *ctx),
		      void *ctx);
