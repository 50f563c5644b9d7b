"""The table of machine tests: each case is booted on each of its engines.

A manifest names files as they lie in build/.  With `poweroff=idle`, which is
the default, the machine powers itself off when no partition is left running,
and every case ends by waiting for that.  See steps.py for the words.
"""

from cases_smp import SMP_CASES
from steps import (BOCHS, LINUX, LINUX_QUIET, MONITOR, PROMPT, QEMU, AnyOrder, Case, Expect, Ktap,
                   Monitor, Repeat, Same, Send, Shell, file_sum, head, md5_of_sequence, on_cpus)

NO_UEFI = {engine: 'there is no UEFI firmware for Bochs in Debian' for engine in BOCHS}


def guest(name, ending='verdict: PASS', reason='shutdown', manifest='', **more):
    """A case that runs one small guest, build/guests/NAME.elf or .bin."""
    partition = name.split('.')[0]
    return Case(
        name=partition,
        manifest=f'[{partition}]\nkernel = guests/{name}\nmemory = 64M\n{manifest}',
        steps=[Expect(ending), Expect(f'^partita: {partition} stopped: {reason}')],
        **more)


def linux(times, engines):
    """Debian's Linux, from its boot to its end; TIMES 600 KB are written and read."""
    return Case('linux', f'[linux]{LINUX}memory = 256M\n', [
        Expect('partita-init: up'), Expect('/ # '),
        Shell('uname -a', r'^Linux partita 6\..*x86_64 GNU/Linux'),
        Shell('cat /proc/cpuinfo', r'^processor\s*: 0\s', r'^flags\s*:.* hypervisor'),
        Shell('cat /proc/interrupts', r'LOC:\s+[1-9]\d*\s+Local timer interrupts'),
        Shell(f'seq 100000 >/a; for i in $(seq {times}); do cat /a; done >/b; md5sum /b; rm /b',
              '^' + md5_of_sequence(100000, times)),
        # on QEMU its clock is the host's, which may be busy: at least 2 s, and less than 3
        Shell('time sleep 2', r'^real\s+0m 2\.'),
        # Ctrl-C is the guest's: it ends the sleep, not the machine
        # (a shell of its own: it is the terminal's foreground group before it speaks)
        Send('sh -c "echo asleep; exec sleep 1000"\r'), Expect('^asleep'),
        Send('\x03'), Expect('/ # '),
        Send('reboot -f\r'), Expect('^partita: linux restarted'),
        Expect('partita-init: up'), Expect('/ # '),
        Send('poweroff -f\r'), Expect('^partita: linux stopped: shutdown'),
    ], engines=engines, cost=100)


CASES = [
    # --- the kernel alone ---

    *on_cpus(Case('selftest', '', [Ktap()], options='selftest poweroff=idle', lenient=True,
                  cost=30)),
    Case('maxcpus', '', [Expect(PROMPT), Monitor('info', '1 of 2 CPUs in use'), Send('poweroff\r')],
         options='maxcpus=1', lenient=True, cpus=2),
    Case('no-partition', '', [Expect(PROMPT), Monitor('ls'), Send('poweroff\r')], options='',
         lenient=True),
    Case('uefi', '[hello64]\nkernel = guests/hello64.elf\n',
         [Expect('verdict: PASS'), Expect('^partita: hello64 stopped: shutdown')],
         uefi=True, skip=NO_UEFI),
    Case('small-machine', '[hello64]\nkernel = guests/hello64.elf\nmemory = 16M\n',
         [Expect('verdict: PASS')], memory='64M'),

    # --- with every lock checked: any report fails them ---

    *(Case(f'debug-selftest-{cpus}', '', [Ktap()], options='selftest poweroff=idle', lenient=True,
           debug=True, cpus=cpus, engines=engines, cost=cost)
      for cpus, engines, cost in ((1, ('qemu-svm', 'bochs-vmx'), 30),
                                  (2, ('qemu-svm', 'bochs-vmx'), 60), (4, ('qemu-svm',), 30))),
    Case('debug-deadlock', '', [
        Expect('^partita: lockdep: LOCK_TEST taken again by its holder'),
        Expect(r'take_again\+'), Expect('LOCK_TEST has been taken by:'),
        Expect('^partita: panic: a spinlock is taken again by its holder'),
    ], options='selftest=deadlock poweroff=idle', lenient=True, debug=True,
         engines=('qemu-svm',), fail=('panic',)),
    Case('debug-linux', f'[linux]{LINUX_QUIET}memory = 256M\nvcpus = 2\n', [
        Expect('partita-init: up'), Expect('/ # '),
        Send(MONITOR), Expect(PROMPT), Monitor('stats linux'), Monitor('regs linux', '(?i)rip'),
        Send('console linux\r'), Expect('/ # '),
        Send('reboot -f\r'), Expect('^partita: linux restarted'),
        Expect('partita-init: up'), Expect('/ # '),
        Send('poweroff -f\r'), Expect('^partita: linux stopped: shutdown'),
    ], debug=True, cpus=2, engines=('qemu-svm',), cost=100),

    # --- each small guest ---

    guest('hello16.bin'),
    guest('hello32.elf'),
    guest('hello64.elf'),
    guest('hello-mb2.elf'),
    guest('exits.elf', cost=40),
    guest('mmio.elf', cost=40),
    guest('irq.elf', cost=40),
    guest('bench.elf', manifest='cmdline = rounds=20\n'),
    guest('noise.elf', manifest='cmdline = lines=200\n'),
    guest('hostile.elf', cost=40),
    guest('triplefault.elf', ending='triplefault: ', reason='triple fault'),

    # --- several CPUs ---

    *SMP_CASES,

    # --- what single guests cannot show ---

    # FPU, SSE and AVX state survives two guests preempting each other
    Case('fpu', '''
[odd]
kernel  = guests/fpu.elf
cmdline = seed=1
[even]
kernel  = guests/fpu.elf
cmdline = seed=2
''', [AnyOrder('^odd: verdict: PASS', '^even: verdict: PASS')], cost=40),

    Case('reset-restarts', '''
[reset]
kernel  = guests/reset.elf
cmdline = how=8042
''', [Repeat(3, Expect('^reset: how=8042'), Expect('^partita: reset restarted')),
      Send(MONITOR), Expect(PROMPT),
      Monitor('stop reset', '^partita: reset stopped: killed', prompt=None)]),

    *(Case(f'reset-{how}', f'''
[reset]
kernel   = guests/reset.elf
cmdline  = how={how}
on-reset = stop
''', [Expect(f'^reset: how={how}'), Expect('^partita: reset stopped: reset')])
      for how in ('8042', 'cf9', 'port92')),

    *(Case(f'echo-{mode}', f'[echo]\nkernel = guests/echo.elf\ncmdline = mode={mode}\n',
           [Expect('^echo: '),
            Send('one two three\r'), Expect('^echo: one two three'),
            # longer than every FIFO between here and there
            Send('0123456789' * 12 + '\r'), Expect('^echo: ' + '0123456789' * 12),
            Send('quit\r'), Expect('verdict: PASS')])
      for mode in ('poll', 'irq')),

    Case('modules', '''
[hello32]
kernel  = guests/hello32.elf
cmdline = one  two "three"
module  = guests/hello16.bin first module
module  = guests/hello64.elf
[hello-mb2]
kernel  = guests/hello-mb2.elf
initrd  = guests/hello16.bin guests/hello64.elf
''', [Expect(lambda: rf"module 0: .* 512 bytes, sum {file_sum('guests/hello16.bin')}, "),
      AnyOrder('^hello32: verdict: PASS', '^hello-mb2: verdict: PASS')]),

    # --- Linux ---

    linux(times=90, engines=QEMU), linux(times=15, engines=BOCHS),

    Case('linux-uefi', f'[linux]{LINUX}memory = 256M\n', [
        Expect('partita-init: up'), Expect('/ # '),
        Shell('uname -a', '^Linux partita 6'), Send('poweroff -f\r'),
        Expect('^partita: linux stopped: shutdown'),
    ], uefi=True, skip=NO_UEFI),

    Case('two-linuxes', f'''
[one]{LINUX_QUIET}memory = 160M
[two]{LINUX_QUIET}memory = 160M
[bad]
kernel = guests/triplefault.elf
''', [
        Expect('^bad: triplefault: '), Expect('^partita: bad stopped: triple fault'),
        AnyOrder('^one: partita-init: up', '^two: partita-init: up'),
        Send(MONITOR), Expect(PROMPT),
        Monitor('ls', r'^one\s+running', r'^two\s+running', r'^bad\s+stopped'),
        Send('console one\r'), Expect('/ # '),
        Shell('echo $((6 * 7)) in one', '^42 in one'),
        Send(MONITOR), Expect(PROMPT), Send('console two\r'), Expect('/ # '),
        Shell('echo $((6 * 8)) in two', '^48 in two'),
        Send('poweroff -f\r'), Expect('^partita: two stopped: shutdown'),
        Send(MONITOR), Expect(PROMPT), Send('console one\r'), Expect('/ # '),
        Send('poweroff -f\r'), Expect('^partita: one stopped: shutdown'),
    ], cost=80),

    # --- the life of a partition ---

    Case('monitor', '''
[halt]
kernel = guests/halt.elf
memory = 32M
[spin]
kernel = guests/spin.elf
memory = 32M
autostart = no
''', [
        Expect('halt: how=cli'), Send(MONITOR), Expect(PROMPT),
        Monitor('help', '^.*poweroff'),
        Monitor('ls', r'^halt\s+running', r'^spin\s+stopped'),
        Monitor('info', '(?i)svm|vmx'),
        Monitor('cpus', r'^ +0 +0 +\S+ +\d+%'),
        Monitor('start spin', '^spin: spin: busy for ever'),
        Monitor('stats spin'),
        Monitor('regs spin', '(?i)rip'),
        Monitor('regs halt.0', '(?i)rip'),
        Monitor('reclaim halt', r'^halt: \d+ KiB of zeros taken back, [1-9]\d* KiB populated'),
        Monitor('reset halt', 'halt: how=cli'),
        Monitor('stop spin', '^partita: spin stopped: killed'),
        Monitor('reclaim spin', '^spin is stopped'),
        Monitor('log', 'spin stopped: killed'),
        Monitor('start nobody', '^nobody: no such partition'),
        Monitor('nonsense', '^nonsense: no such command'),
        # completion on Tab, both codes of backspace, the history on Up
        Send('stat\tha\t\r'), Expect('^halt: running'), Expect(PROMPT),
        Send('lx\x08y\x7fs\r'), Expect(r'^spin\s+stopped'), Expect(PROMPT),
        Send('\x1b[A\x1b[A\r'), Expect('^halt: running'), Expect(PROMPT),
        Send('poweroff\r'),
    ]),

    # rule 3: guests that let no interrupt in and never exit do not stop the kernel
    Case('spin-irq-off', '''
[one]
kernel  = guests/spin.elf
cmdline = irq=off
memory  = 32M
[two]
kernel  = guests/spin.elf
cmdline = irq=off
memory  = 32M
[nmi]
kernel  = guests/spin.elf
cmdline = irq=nmi
memory  = 32M
''', [
        AnyOrder('^one: spin: busy for ever', '^two: spin: busy for ever',
                 '^nmi: spin: busy for ever'),
        Send(MONITOR), Expect(PROMPT),
        Monitor('ls', r'^one\s+running', r'^two\s+running', r'^nmi\s+running'),
        Monitor('stop nmi', '^partita: nmi stopped: killed'),
        Monitor('stats one', '^one: running'),
        Monitor('reclaim one', r'^one: \d+ KiB of zeros taken back'),
        Monitor('stop one', '^partita: one stopped: killed'),
        Monitor('regs two', '(?i)rip'),
        Monitor('stop two', '^partita: two stopped: killed', prompt=None),
    ]),

    # more of them than processors: kicks reach each, wherever it runs
    Case('spin-irq-off-2cpus', ''.join(f'''
[{name}]
kernel  = guests/spin.elf
cmdline = irq=off
memory  = 32M
''' for name in ('one', 'two', 'three')), [
        AnyOrder(*(f'^{name}: spin: busy for ever' for name in ('one', 'two', 'three'))),
        Send(MONITOR), Expect(PROMPT),
        Monitor('cpus', r'^ +0 +0 ', r'^ +1 +1 '),
        Monitor('reclaim three', r'^three: \d+ KiB of zeros taken back'),
        Monitor('stop two', '^partita: two stopped: killed'),
        Monitor('stop one', '^partita: one stopped: killed'),
        Monitor('stop three', '^partita: three stopped: killed', prompt=None),
    ], cpus=2),

    Case('start-stop-rounds', '''
[hello64]
kernel = guests/hello64.elf
memory = 32M
vcpus = 4
autostart = no
log = no
[spin]
kernel = guests/spin.elf
memory = 32M
vcpus = 4
''', [
        Expect('spin: busy'), Send(MONITOR), Expect(PROMPT),
        Monitor('stop spin', '^partita: spin stopped: killed'),
        Monitor('info', r'(?P<free>\d+ \w+) free'),
        Repeat(100,
               Monitor('start hello64', '^partita: hello64 stopped: shutdown')),
        Repeat(20,
               Monitor('start spin', 'spin: busy'),
               Monitor('stop spin', '^partita: spin stopped: killed')),
        Monitor('info', r'(?P<free>\d+ \w+) free'),
        Same('free', 2),
        Send('poweroff\r'),
    ], options='attach=none', cost=60),

    # --- what is wrong with a manifest is said, and the others start ---

    Case('bad-manifest', '''\
[hello64]
kernel = guests/hello64.elf
[a]
kernel = guests/hello64.elf
colour = red
[b]
kernel = guests/nothing.elf
[c]
kernel = guests/hello64.elf
memory = 900G
[d]
kernel = guests/hello64.elf
vcpus  = 17
[d]
kernel = guests/hello64.elf
[e]
memory = 64M
''', [
        AnyOrder('manifest:5: .*colour', 'manifest:7: .*guests/nothing.elf', 'manifest:10: ',
                 'manifest:13: ', 'manifest:14: .*duplicate', 'manifest:16: .*kernel'),
        Expect('verdict: PASS'), Expect('^partita: hello64 stopped: shutdown'),
    ], lenient=True),

    Case('too-big', '''\
[hello64]
kernel = guests/hello64.elf
[big]
kernel = guests/hello64.elf
memory = 8G
''', [Expect('manifest:5: '), Expect('verdict: PASS')]),

    Case('truncated-kernel', '''\
[cut]
kernel = cut
[cut-elf]
kernel = cut-elf
[junk]
kernel = junk
[empty]
kernel = empty
[hello64]
kernel = guests/hello64.elf
''', [AnyOrder('manifest:2: ', 'manifest:4: ', 'manifest:6: ', 'manifest:8: '),
      Expect('verdict: PASS')],
         files={'cut': head('linux/vmlinuz', 500000), 'junk': lambda: b'\x5a' * 5000,
                'cut-elf': head('guests/hello64.elf', 5000), 'empty': lambda: b''}),
]
