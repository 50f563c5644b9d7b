#!/usr/bin/python3
"""Read and check a manifest of partitions.

As a program: check the manifest named on the command line, print what is
wrong with it, one `FILE:LINE: reason` a line, and exit 1 if anything is.

The kernel parses the same file with the same rules (it gets it as its first
module); this copy exists so that a mistake shows before anything is booted.
"""

import os
import re
import sys

NAME = re.compile(r'[A-Za-z0-9_-]{1,31}')
SIZE = re.compile(r'([0-9]+)([KMG]?)')
BUDGET = re.compile(r'([0-9]+)(us|ms|s)/([0-9]+)(us|ms|s)')
CPUS = re.compile(r'([0-9]+(-[0-9]+)?)(,[0-9]+(-[0-9]+)?)*')
TIMES = {'us': 1, 'ms': 1000, 's': 1000000}     # microseconds
UNITS = {'': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
MEMORY_MIN = 1 << 20
MEMORY_MAX = 1 << 39            # what a four-level nested table reaches by one entry of its root
VCPUS_MAX = 16
WEIGHT_MAX = 10000
PRIORITY_MAX = 4
BUDGET_MIN, PERIOD_MIN, PERIOD_MAX = 10, 1000, 10000000     # microseconds
CPUS_MAX = 64
REPEATABLE = ('initrd', 'module')


class Partition:
    def __init__(self, name, line):
        self.name = name
        self.line = line            # where its section starts
        self.kernel = None
        self.initrd = []
        self.module = []            # (path, arguments)
        self.cmdline = ''
        self.memory = 64 << 20
        self.vcpus = 1
        self.autostart = True
        self.log = True
        self.on_reset = 'restart'
        self.weight = 100
        self.priority = 2
        self.budget = (0, 0)        # microseconds: budget, period
        self.cpus = None            # a set; None: all


class Manifest:
    """partitions, errors ((line, reason) pairs) and paths: every image file
    named, as written, each once and in the order of first use."""

    def __init__(self, text, folder=None):
        """With a folder, files that are not there are errors, too."""
        self.partitions = []
        self.errors = []
        self.paths = []
        self._folder = folder
        self._current = None
        self._seen = set()          # keys of the current section
        for number, line in enumerate(text.split('\n'), 1):
            self._line(number, strip_comment(line))
        self._end_section()
        self.errors.sort()

    def _error(self, line, reason):
        self.errors.append((line, reason))

    def _line(self, number, line):
        if not line:
            return
        if line.startswith('['):
            self._end_section()
            self._section(number, line)
            return
        key, equals, value = line.partition('=')
        key, value = key.strip(), value.strip()
        if not equals:
            self._error(number, f'neither a [section] nor a key = value: {line}')
        elif self._current is None:
            self._error(number, f'{key} before the first [section]')
        else:
            self._key(number, key, value)

    def _section(self, number, line):
        name = line[1:-1].strip() if line.endswith(']') else None
        self._seen = set()
        self._current = Partition(name, number)
        if name is None:
            self._error(number, f'section without ]: {line}')
        elif not NAME.fullmatch(name):
            self._error(number, f'bad partition name "{name}": 1 to 31 of A-Z a-z 0-9 _ -')
        elif any(p.name == name for p in self.partitions):
            self._error(number, f'duplicate partition name "{name}"')
        self.partitions.append(self._current)

    def _end_section(self):
        if self._current is not None and 'kernel' not in self._seen:
            self._error(self._current.line, f'partition "{self._current.name}" has no kernel')

    def _key(self, number, key, value):
        method = getattr(self, '_set_' + key.replace('-', '_'), None) if key in KEYS else None
        if method is None:
            self._error(number, f'unknown key "{key}"')
            return
        if key in self._seen and key not in REPEATABLE:
            self._error(number, f'duplicate key "{key}"')
            return
        self._seen.add(key)
        reason = method(number, value)
        if reason:
            self._error(number, reason)

    def _path(self, path):
        """Note an image file; answer what is wrong with it, or nothing."""
        if re.search(r'["\'\\$]', path):
            return f'bad character in path: {path}'
        if self._folder is not None and not os.path.isfile(os.path.join(self._folder, path)):
            return f'missing file: {path}'
        if path not in self.paths:
            self.paths.append(path)
        return None

    def _set_kernel(self, _number, value):
        if not value or re.search(r'\s', value):
            return f'kernel needs one path, not "{value}"'
        self._current.kernel = value
        return self._path(value)

    def _set_initrd(self, number, value):
        if not value:
            return 'initrd needs a path'
        for path in value.split():
            self._current.initrd.append(path)
            reason = self._path(path)
            if reason:
                self._error(number, reason)
        return None

    def _set_module(self, _number, value):
        if not value:
            return 'module needs a path'
        path, *arguments = value.split(None, 1)
        self._current.module.append((path, arguments[0] if arguments else ''))
        return self._path(path)

    def _set_cmdline(self, _number, value):
        self._current.cmdline = value

    def _set_memory(self, _number, value):
        match = SIZE.fullmatch(value)
        if not match:
            return f'bad size "{value}": a number and K, M or G'
        size = int(match[1]) * UNITS[match[2]]
        if size < MEMORY_MIN:
            return f'memory {value} is less than 1M'
        if size > MEMORY_MAX:
            return f'memory {value} does not fit: at most 512G'
        self._current.memory = size
        return None

    def _set_vcpus(self, _number, value):
        return self._set_number('vcpus', value, VCPUS_MAX)

    def _set_number(self, key, value, most):
        if not re.fullmatch('[0-9]+', value) or not 1 <= int(value) <= most:
            return f'bad {key} "{value}": 1 to {most}'
        setattr(self._current, key, int(value))
        return None

    def _set_weight(self, _number, value):
        return self._set_number('weight', value, WEIGHT_MAX)

    def _set_priority(self, _number, value):
        return self._set_number('priority', value, PRIORITY_MAX)

    def _set_budget(self, _number, value):
        match = BUDGET.fullmatch(value)
        if not match:
            return f'bad budget "{value}": like 10ms/100ms, in us, ms or s'
        budget, period = int(match[1]) * TIMES[match[2]], int(match[3]) * TIMES[match[4]]
        if not PERIOD_MIN <= period <= PERIOD_MAX:
            return f'budget {value}: the period must be 1ms to 10s'
        if budget < BUDGET_MIN:
            return f'budget {value} is less than 10us'
        if budget > period:
            return f'budget {value} is more than its period'
        self._current.budget = (budget, period)
        return None

    def _set_cpus(self, _number, value):
        bad = f'bad cpus "{value}": like 0,1 or 0-3, of 0 to {CPUS_MAX - 1}'
        if not CPUS.fullmatch(value):
            return bad
        cpus = set()
        for part in value.split(','):
            low, _, high = part.partition('-')
            low, high = int(low), int(high or low)
            if low > high or high >= CPUS_MAX:
                return bad
            cpus.update(range(low, high + 1))
        self._current.cpus = cpus
        return None

    def _set_autostart(self, _number, value):
        if value not in ('yes', 'no'):
            return f'autostart is yes or no, not "{value}"'
        self._current.autostart = value == 'yes'
        return None

    def _set_log(self, _number, value):
        if value not in ('yes', 'no'):
            return f'log is yes or no, not "{value}"'
        self._current.log = value == 'yes'
        return None

    def _set_on_reset(self, _number, value):
        if value not in ('restart', 'stop'):
            return f'on-reset is restart or stop, not "{value}"'
        self._current.on_reset = value
        return None


KEYS = ('kernel', 'initrd', 'module', 'cmdline', 'memory', 'vcpus', 'autostart', 'log', 'on-reset',
        'weight', 'budget', 'priority', 'cpus')


def strip_comment(line):
    """A # starts a comment at the start of a line or after white space;
    anywhere else (as inside a command line) it is itself."""
    return re.sub(r'(^|\s)#.*', '', line.rstrip('\r')).strip()


def load(path):
    """Read and check the manifest file PATH."""
    # Manifests reach the kernel as bytes; no byte may stop us from reading one.
    with open(path, encoding='latin-1') as file:
        return Manifest(file.read(), os.path.dirname(path))


def main():
    if len(sys.argv) != 2:
        sys.exit('usage: manifest.py MANIFEST')
    path = sys.argv[1]
    try:
        errors = load(path).errors
    except OSError as error:
        sys.exit(f'{path}: {error.strerror}')
    for line, reason in errors:
        print(f'{path}:{line}: {reason}', file=sys.stderr)
    sys.exit(1 if errors else 0)


if __name__ == '__main__':
    main()
