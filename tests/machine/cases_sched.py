"""Machine tests of scheduling, measured in the work that guests have done (guests/count).

On QEMU they run with -icount, on Bochs anyway with a clock that counts instructions: the figures
are exact, whatever the host does meanwhile.
"""

from steps import (PROMPT, AnyOrder, Case, Expect, Failed, Monitor, Same, Send)


def count(name, interval=1000, **keys):
    """A partition that counts, for ever."""
    cmdline = ' '.join([f'interval={interval}'] +
                       [f'{key}={keys.pop(key)}' for key in ('busy', 'sleep') if key in keys])
    lines = [f'[{name}]', 'kernel = guests/count.elf', f'cmdline = {cmdline}', 'memory = 16M']
    return '\n'.join(lines + [f'{key} = {value}' for key, value in keys.items()]) + '\n'


class Windows:
    """Wait until every one of the partitions has counted over so many intervals, the first of
    them, in which the others start, aside; CHECK gets a dictionary of name: per cent of a CPU."""

    def __init__(self, names, check, windows=1):
        self.names, self.check, self.windows = names, check, windows

    def run(self, session):
        got = {name: [] for name in self.names}
        one_of = '|'.join(self.names)
        while min(map(len, got.values())) <= self.windows:
            match = session.expect(rf'^({one_of}): count: \d+ in (\d+) us, ([\d.]+) %')
            got[match[1]].append((int(match[2]), float(match[3])))
        parts = {}
        for name, windows in got.items():
            time = sum(us for us, _ in windows[1:])
            parts[name] = sum(us * part for us, part in windows[1:]) / time
        if not self.check(parts):
            raise Failed(f'this is not how the CPU is to be shared: {parts}')


def shares(tolerance=0.02, **weights):
    """A check for Windows: parts in proportion to the weights."""
    def check(parts):
        per_weight = sum(parts.values()) / sum(weights.values())
        return all(abs(part / (weights[name] * per_weight) - 1) <= tolerance
                   for name, part in parts.items())
    return Windows(list(weights), check)


ROWS = r'^{name}\.0 +{state} +{cpu} +'

CASES = [
    Case('sched-share',
         count('one', weight=100) + count('two', weight=200) + count('three', weight=300),
         [shares(one=100, two=200, three=300), Send('poweroff\r')],
         options='sched=share attach=none', icount=True, cost=30),

    Case('sched-budget', count('budget', 1500, budget='20ms/100ms') + count('rest', 1500),
         [Windows(['budget', 'rest'],
                  lambda part: 19.8 <= part['budget'] <= 20.2 and part['rest'] > 78),
          # of the quantum of 10 ms less than a hundredth
          Monitor('sched', r'^CPU 0: .* promised 20 % of at most 95 %',
                  r'^budget\.0 .* budget 20ms/100ms.* overrun at most \d\d? us',
                  r'^rest\.0 .* background'),
          Send('poweroff\r')],
         options='sched=budget attach=none', icount=True, cost=40),

    # the CPU idles until the next period begins, and nothing else wakes it
    Case('sched-budget-alone', count('budget', 1500, budget='2ms/10ms'),
         [Windows(['budget'], lambda part: 19 <= part['budget'] <= 20.2),
          Send('poweroff\r')],
         options='sched=budget attach=none', icount=True, cost=30),

    # 50 % + 40 % + 20 % are too much; when the first has ended there is room for the third
    Case('sched-budget-refused', ''.join(f'''
[p{n}]
kernel = guests/halt.elf
memory = 16M
budget = {budget}ms/100ms
''' for n, budget in ((1, 50), (2, 40), (3, 20))), [
    Expect('^partita: p3 not started: its budget cannot be guaranteed: CPU 0: 50ms/100ms '
           r'\+ 40ms/100ms = 90 %, with 20ms/100ms more 110 %, at most 95 %'),
    Expect(PROMPT), Monitor('ls', r'^p3 +stopped'),
    Monitor('stop p1', '^partita: p1 stopped: killed'),
    Monitor('start p3', '^p3 started'),
    Monitor('sched', 'promised 60 %'),
    Monitor('start p1', '^partita: p1 not started: .*40ms/100ms \\+ 20ms/100ms = 60 %'),
    Send('poweroff\r')], options='sched=budget attach=none'),

    # while another one works
    Case('sched-halted', '[halt]\nkernel = guests/halt.elf\nmemory = 16M\n' + count('busy', 200), [
        AnyOrder('^halt: halt: how=cli', '^busy: count: .* %'),
        Monitor('sched', ROWS.format(name='halt', state='blocked', cpu=0) + r'(?P<run>\d+) +\d+ '),
        Expect('^busy: count: .* %'), Expect('^busy: count: .* %'),
        Monitor('sched', ROWS.format(name='halt', state='blocked', cpu=0) + r'(?P<run>\d+) +\d+ '),
        Same('run', 2), Send('poweroff\r')],
         options='attach=none', icount=True),

    *(Case(f'sched-64-{policy}', ''.join(count(f'p{n}', 300) for n in range(64)),
           [AnyOrder(*(rf'^p{n}: count: [1-9]\d* in ' for n in range(64))), Send('poweroff\r')],
           options=f'sched={policy} attach=none loglevel=warn', memory='2G', icount=True, cost=60)
      for policy in ('priority', 'share', 'budget')),

    # 1 ms of work in 10: all of it, at the time when it comes, in the middle of others' turns
    Case('sched-priority',
         count('high', 500, busy=1, sleep=9, priority=3) + count('low', 500, priority=1) +
         count('one', 500) + count('two', 500),
         [Windows(['high', 'one', 'two'],
                  lambda part: 9 <= part['high'] <= 11 and 42 <= part['one'] <= 46 and
                  42 <= part['two'] <= 46),
          Monitor('sched', r'^high\.0 .* priority 3', r'^low\.0 +ready .* priority 1'),
          Send('poweroff\r')],
         options='sched=priority attach=none', icount=True, cost=30),

    Case('sched-cpus', count('zero', 200, cpus=0) + count('one', 200, cpus='1,7') +
         count('both', 200, cpus='0-1') + count('three', 200, cpus='3'), [
             Expect('^partita: manifest:20: cpus 3: none of them can run guests here'),
             AnyOrder(*(f'^{name}: count: ' for name in ('zero', 'one', 'both'))),
             Monitor('sched', r'^zero\.0 +\w+ +0 +\d+ +\d+ +\d+ +0 ',
                     r'^one\.0 +\w+ +1 +\d+ +\d+ +\d+ +[01] ', r'^both\.0 '),
             Send('poweroff\r')], options='attach=none', cpus=2, cost=30),

    Case('sched-unknown', '[hello64]\nkernel = guests/hello64.elf\n', [
        Expect('sched=fair: unknown; choose one of priority, share, budget; now it is priority'),
        Expect('verdict: PASS')], options='sched=fair poweroff=idle'),
]
