"""Machine tests with several CPUs, of the machine and of partitions.

The smp guest checks everything in one boot; on Bochs, where a second costs
more, it boots with two processors there.  See cases.py.
"""

import hashlib

from steps import (ALL, BOCHS, LINUX_QUIET, MONITOR, PROMPT, QEMU, AnyOrder, Case, Expect, Monitor,
                   Repeat, Same, Send, Shell, md5_of_sequence)

SMP_END = [Expect('verdict: PASS'), Expect('^partita: smp stopped: shutdown')]


def smp(vcpus, cpus, only='', engines=QEMU, cost=40):
    """The smp guest with VCPUS processors on a machine that has CPUS."""
    return Case(f'smp-{vcpus}-on-{cpus}', f'''
[smp]
kernel  = guests/smp.elf
vcpus   = {vcpus}
memory  = 32M
cmdline = cpus={vcpus} {only}
''', SMP_END, cpus=cpus, engines=engines, cost=cost)


def spin(vcpus, name='spin', more=''):
    """A partition whose processors are all busy for ever."""
    return f'''
[{name}]
kernel  = guests/spin.elf
vcpus   = {vcpus}
memory  = 32M
cmdline = cpus=all {more}
'''


def smp_fault(bad, engines=ALL):
    """One of four processors triple-faults; another partition does not notice."""
    return Case(f'smp-fault-{bad}', f'''
[smp-fault]
kernel  = guests/smp-fault.elf
vcpus   = 4
memory  = 32M
cmdline = cpu={bad}
autostart = no
''' + spin(2), [
        Expect('spin: busy for ever'), Send(MONITOR), Expect(PROMPT),
        Monitor('start smp-fault', f'smp-fault: processor {bad} of 4 faults now',
                '^partita: smp-fault stopped: triple fault'),
        Monitor('ls', r'^smp-fault\s+stopped', r'^spin\s+running'),
        Monitor('stop spin', '^partita: spin stopped: killed', prompt=None),
    ], options='attach=none poweroff=idle', cpus=2, engines=engines, cost=20)


# --- Debian's Linux: without the right tables it has one processor and says nothing ---

LAST = 100000                       # of the sequence that is summed
MD5_ZEROS = hashlib.md5(bytes(8 << 20)).hexdigest()
LINUX_UP = [Expect('partita-init: up'), Expect('/ # ')]
CLOCK = '/sys/devices/system/clocksource/clocksource0/current_clocksource'


def online(cpu, value, count):
    """Take a processor offline, or online again; COUNT is what nproc then says."""
    return Shell(f'echo {value} >/sys/devices/system/cpu/cpu{cpu}/online; nproc', rf'^{count}\s')


class Pinned:
    """Work on all processors at once, pinned to each; all of it has to be done there."""

    def __init__(self, vcpus, turns):
        self.masks = ' '.join(f'{1 << n:x}' for n in range(vcpus))
        self.vcpus, self.turns = vcpus, turns

    def run(self, session):
        # the 39th field of a process's stat is its processor: proc(5)
        session.console.sendline(
            f"(for m in {self.masks}; do taskset $m sh -c 'for i in $(seq {self.turns}); do :; "
            "done; echo turns: $i, by $(cut -d\" \" -f39 /proc/self/stat)' & done; wait)")
        AnyOrder(*(rf'^turns: {self.turns}, by {n}\s' for n in range(self.vcpus))).run(session)
        session.expect('/ # ')


def every(vcpus, number=r'[1-9]\d*'):
    return r'\s+'.join([number] * vcpus)


def reclaim(vcpus, rounds):
    """Memory of zeros is taken back and used again, beside sums on all vCPUs."""
    loop = (f'for i in $(seq {rounds}); do echo; echo round: $i; md5sum </seq >>/sums$n; '
            'dd if=/dev/zero of=/zeros$n bs=1M count=4 2>/dev/null; rm /zeros$n; done')
    return [
        Shell(f'seq {LAST} >/seq; dd if=/dev/zero of=/zeros bs=1M count=8 2>/dev/null'),
        Send(MONITOR), Expect(PROMPT),
        Monitor('reclaim linux', r'^linux: [1-9]\d{3,} KiB of zeros taken back'),
        Send('console linux\r'), Expect('/ # '),
        Send(f'(for n in $(seq {vcpus}); do ({loop}) & done; wait; echo; echo all: rounds)\r'),
        Send(MONITOR), Expect(PROMPT),
        Repeat(rounds, Monitor('reclaim linux', r'^linux: \d+ KiB of zeros taken back'),
               Expect(r'round: \d')),
        Send('console linux\r'), Expect('^all: rounds'), Expect('/ # '),
        Shell('sort /sums* | uniq -c', rf'^\s*{vcpus * rounds} {md5_of_sequence(LAST, 1)}'),
        Shell('md5sum /zeros; rm /zeros /seq /sums*', f'^{MD5_ZEROS}'),
    ]


def linux_smp(vcpus, cpus, turns, engines=QEMU, reboots=True, cost=80):
    """Linux with VCPUS processors on CPUS; TURNS of pinned work, each about 10 us on QEMU."""
    reboot = [
        Send('taskset 2 reboot -f\r'), Expect('^partita: linux restarted'), *LINUX_UP,
        Shell('nproc', rf'^{vcpus}\s'),
        # at once, and by the processor that it is typed on: the others run on
        Send("taskset 2 sh -c 'echo b >/proc/sysrq-trigger'\r"),
        Expect('^partita: linux restarted'), *LINUX_UP,
    ]
    return Case(f'linux-{vcpus}-on-{cpus}', f'[linux]{LINUX_QUIET}memory = 256M\n'
                f'vcpus = {vcpus}\n', [
        *LINUX_UP,
        Shell('nproc', rf'^{vcpus}\s'),
        Shell('grep -c ^processor /proc/cpuinfo', rf'^{vcpus}\s'),
        Pinned(vcpus, turns),
        Shell('grep LOC /proc/interrupts', rf'LOC:\s+{every(vcpus)}'),
        online(1, 0, vcpus - 1),
        online(1, 1, vcpus),
        Pinned(vcpus, turns // 10),
        *reclaim(vcpus, turns // 10000),
        Shell(f'cat {CLOCK}', r'^(tsc|kvm-clock)\s'),
        Shell('dmesg | grep -ci unstable', r'^0\s'),
        *(reboot if reboots else []),
        Send('taskset 2 poweroff -f\r'), Expect('^partita: linux stopped: shutdown'),
    ], cpus=cpus, engines=engines, cost=cost)


SMP_CASES = [
    linux_smp(2, 1, 20000, engines=BOCHS, reboots=False),
    linux_smp(4, 1, 200000),
    linux_smp(4, 2, 200000),
    linux_smp(2, 4, 200000, reboots=False),

    smp(1, 1, cost=10),
    smp(2, 1, engines=QEMU + BOCHS),
    smp(2, 2, engines=BOCHS),
    smp(4, 1),
    smp(4, 2),
    smp(16, 1, 'only=tables,memory'),

    smp_fault(0, engines=QEMU),
    smp_fault(3),

    Case('monitor-smp', spin(4) + spin(2, 'deaf', 'irq=nmi'), [
        AnyOrder('^spin: spin: busy for ever', '^deaf: spin: busy for ever'),
        Send(MONITOR), Expect(PROMPT),
        Monitor('ls', r'^spin\s+running\s+4', r'^deaf\s+running\s+2'),
        *(Monitor(f'regs spin.{n}', '(?i)rip') for n in range(4)),
        Monitor('regs spin.4', '^spin has vCPUs 0 to 3'),
        Monitor('stats spin', '^spin: running'),
        Repeat(3, Monitor('reset spin', '^partita: spin restarted', 'spin: busy for ever')),
        Monitor('regs deaf.1', '(?i)rip'),
        Monitor('stop spin', '^partita: spin stopped: killed'),
        Monitor('stop deaf', '^partita: deaf stopped: killed', prompt=None),
    ], options='attach=none poweroff=idle', cost=20),

    Case('start-stop-smp', spin(4), [
        Expect('spin: busy'), Send(MONITOR), Expect(PROMPT),
        Monitor('stop spin', '^partita: spin stopped: killed'),
        Monitor('info', r'(?P<free>\d+ \w+) free'),
        Repeat(10,
               Monitor('start spin', 'spin: busy'),
               Monitor('stop spin', '^partita: spin stopped: killed')),
        # and before all of them are up
        Repeat(10,
               Monitor('start spin'),
               Monitor('stop spin', '^partita: spin stopped: killed')),
        Monitor('info', r'(?P<free>\d+ \w+) free'),
        Same('free', 2),
        Send('poweroff\r'),
    ], options='attach=none', cpus=2, cost=40),
]
