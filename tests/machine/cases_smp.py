"""Machine tests with several CPUs, of the machine and of partitions.

The smp guest checks everything in one boot; on Bochs, where a second costs
more, it is boots with two processors.  See cases.py.
"""

from steps import (BOCHS, MONITOR, PROMPT, QEMU, AnyOrder, Case, Expect, Monitor, Repeat,
                   Same, Send)

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


def smp_fault(bad):
    """One of four processors triple-faults; another partition does not notice."""
    return Case(f'smp-fault-{bad}', f'''
[smp-fault]
kernel  = guests/smp-fault.elf
vcpus   = 4
memory  = 32M
cmdline = cpu={bad}
autostart = no
[spin]
kernel  = guests/spin.elf
vcpus   = 2
memory  = 32M
cmdline = cpus=all
''', [
        Expect('spin: busy for ever'), Send(MONITOR), Expect(PROMPT),
        Monitor('start smp-fault', f'smp-fault: processor {bad} of 4 faults now',
                '^partita: smp-fault stopped: triple fault'),
        Monitor('ls', r'^smp-fault\s+stopped', r'^spin\s+running'),
        Monitor('stop spin', '^partita: spin stopped: killed', prompt=None),
    ], options='attach=none poweroff=idle', cpus=2, cost=20)


SMP_CASES = [
    smp(1, 1, cost=10),
    smp(2, 1, engines=QEMU + BOCHS),
    smp(4, 1),
    smp(16, 1, 'only=tables,memory'),

    smp_fault(0),
    smp_fault(3),

    Case('monitor-smp', '''
[spin]
kernel  = guests/spin.elf
vcpus   = 4
memory  = 32M
cmdline = cpus=all
[deaf]
kernel  = guests/spin.elf
vcpus   = 2
memory  = 32M
cmdline = cpus=all irq=nmi
''', [
        AnyOrder('^spin: spin: busy for ever', '^deaf: spin: busy for ever'),
        Send(MONITOR), Expect(PROMPT),
        Monitor('ls', r'^spin\s+running\s+4', r'^deaf\s+running\s+2'),
        *(Monitor(f'regs spin.{n}', '(?i)rip') for n in range(4)),
        Monitor('regs spin.4', 'spin'),
        Monitor('stats spin', '^spin: running'),
        Repeat(3, Monitor('reset spin', '^partita: spin restarted', 'spin: busy for ever')),
        Monitor('regs deaf.1', '(?i)rip'),
        Monitor('stop spin', '^partita: spin stopped: killed'),
        Monitor('stop deaf', '^partita: deaf stopped: killed', prompt=None),
    ], options='attach=none poweroff=idle', cost=20),

    Case('start-stop-smp', '''
[spin]
kernel  = guests/spin.elf
vcpus   = 4
memory  = 32M
cmdline = cpus=all
''', [
        Expect('spin: busy'), Send(MONITOR), Expect(PROMPT),
        Monitor('stop spin', '^partita: spin stopped: killed'),
        Monitor('info', r'(?P<free>\d+ \w+) free'),
        Repeat(20,
               Monitor('start spin', 'spin: busy'),
               Monitor('stop spin', '^partita: spin stopped: killed')),
        # and before all of them are up
        Repeat(20,
               Monitor('start spin'),
               Monitor('stop spin', '^partita: spin stopped: killed')),
        Monitor('info', r'(?P<free>\d+ \w+) free'),
        Same('free', 2),
        Send('poweroff\r'),
    ], options='attach=none', cpus=2, cost=40),
]
