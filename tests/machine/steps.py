"""The words that the table in cases.py is written in, and how they are run.

A step talks to one booted machine.  Every wait is for something that the
console says; its limit only tells a hang from a slow host.
"""

import hashlib
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace

from pexpect.exceptions import EOF, TIMEOUT

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get('BUILD', 'build'))
KERNEL = os.path.join(ROOT, os.environ.get('KERNEL', 'build/partita.elf'))
DEBUG_KERNEL = os.path.join(BUILD, 'partita-debug.elf')     # checks its locks
LOGS = os.path.join(BUILD, 'test-logs')

sys.dont_write_bytecode = True      # no __pycache__ in tools/
sys.path.insert(0, os.path.join(ROOT, 'tools'))
import iso  # noqa: E402
from console import Console  # noqa: E402
from machine import Machine, MachineError  # noqa: E402


QEMU = ('qemu-svm',)
BOCHS = ('bochs-vmx', 'bochs-svm')
ALL = QEMU + BOCHS

# Seconds for one wait.  Only a hang ever uses them up.
LIMIT = {'qemu-svm': 120, 'bochs-vmx': 300, 'bochs-svm': 300}

# None of this may ever appear, whatever a case waits for.
NEVER = re.compile(r'^(?:[\w-]+: )?not ok \d|verdict: FAIL|^partita: panic|'
                   r'^partita: GRUB could not|Kernel panic - not syncing', re.MULTILINE)

# Neither may this, but a case goes on until its end: the lines that follow say what was wrong.
LOCKDEP = re.compile(r'^partita: lockdep: .*', re.MULTILINE)

# What terminals are told beside text.  A return to the start of the line, cleared or not, is how
# the kernel makes room for a line of somebody else: for a reader, a new line.
NEW_LINE = re.compile(r'\r(\n|\x1b\[K)?')
ESCAPES = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]')
ESCAPE_BEGUN = re.compile(r'(\r|\r?\x1b(\[[0-9;?]*)?)\Z')
MONITOR = '\x1d'                    # Ctrl-]
PROMPT = 'partita> '


def plain(text):
    """TEXT as it would be in a file."""
    return ESCAPES.sub('', NEW_LINE.sub('\n', text))


class PlainConsole(Console):
    """A console that shows plain text, whichever way it is cut into pieces."""

    _begun = ''

    def read_nonblocking(self, size=1, timeout=-1):
        text = self._begun + super().read_nonblocking(size, timeout)
        begun = ESCAPE_BEGUN.search(text)
        self._begun = begun[0] if begun else ''
        return plain(text[:begun.start()] if begun else text)


LINUX = '''
kernel  = linux/vmlinuz
initrd  = linux/initramfs.cpio.gz
cmdline = console=ttyS0
'''
LINUX_QUIET = f'{LINUX.rstrip()} quiet\n'      # most of a boot in Bochs is its messages


class Failed(Exception):
    """A step did not see what it waits for."""


@dataclass
class Case:
    """One boot: the manifest, the kernel's options, and what has to happen."""
    name: str
    manifest: str
    steps: list
    options: str = 'poweroff=idle'
    engines: tuple = ALL
    skip: dict = field(default_factory=dict)    # engine: why it cannot
    memory: str = '1G'
    cpus: int = 1
    icount: bool = False            # on QEMU: a clock that counts instructions; one CPU
    uefi: bool = False
    debug: bool = False             # with the kernel of make DEBUG=1
    lenient: bool = False           # the manifest is meant to be bad
    files: dict = field(default_factory=dict)   # name: function that makes its bytes
    fail: tuple = ()                # words of NEVER that this case is about
    ends: bool = True               # the machine has to end cleanly after the last step
    cost: int = 10                  # about how many seconds on Bochs; the longest start first


def on_cpus(case, qemu=(1, 2, 4), bochs=(1, 2)):
    """The case on machines with so many processors: NAME, NAME-2cpus ..."""
    for count in sorted({*qemu, *bochs}):
        name = case.name if count == 1 else f'{case.name}-{count}cpus'
        yield replace(case, name=name, cpus=count,
                      engines=tuple(engine for engine in case.engines
                                    if count in (bochs if engine in BOCHS else qemu)))


# --- the steps ---

class Expect:
    """Wait for a line that matches.  Every step keeps named groups for Same."""

    def __init__(self, pattern, check=None):
        self.pattern, self.check = pattern, check

    def run(self, session):
        pattern = self.pattern() if callable(self.pattern) else self.pattern
        match = session.expect(pattern)
        if self.check and not self.check(match):
            raise Failed(f'this is wrong: {match[0]!r}')


class Send:
    """Type something as it is."""

    def __init__(self, text):
        self.text = text

    def run(self, session):
        session.console.send(self.text)


class Shell:
    """Type a command into the Linux of the attached partition, wait for what
    it prints and for the next prompt.  PATTERN must not match the echo."""

    def __init__(self, command, *patterns, prompt='/ # '):
        self.command, self.patterns, self.prompt = command, patterns, prompt

    def run(self, session):
        session.console.sendline(self.command)
        for pattern in self.patterns:
            session.expect(pattern)
        if self.prompt:
            session.expect(re.escape(self.prompt))


class Monitor(Shell):
    """Type a monitor command, wait for what it prints and for the prompt."""

    def __init__(self, command, *patterns, prompt=PROMPT):
        super().__init__(command, *patterns, prompt=prompt)


class Same:
    """All values kept under a name are the same, and there were COUNT."""

    def __init__(self, name, count):
        self.name, self.count = name, count

    def run(self, session):
        values = session.kept.get(self.name, [])
        if len(values) != self.count or len(set(values)) != 1:
            raise Failed(f'{self.name} should be {self.count} times the same: {values}')


class Repeat:
    def __init__(self, times, *steps):
        self.times, self.steps = times, steps

    def run(self, session):
        for _ in range(self.times):
            for step in self.steps:
                step.run(session)


class AnyOrder:
    """Wait for all of these, in whatever order they come."""

    def __init__(self, *patterns):
        self.patterns = patterns

    def run(self, session):
        left = list(self.patterns)
        while left:
            match = session.expect('|'.join(f'(?:{p})' for p in left))
            left.remove(next(p for p in left if re.search(p, match[0], session.FLAGS)))


class Ktap:
    """Wait for the end of the self-test; each of its cases counts as a test."""

    def run(self, session):
        session.expect(r'KTAP version 1\s')
        plan = int(session.expect(r'^1\.\.(\d+)\s')[1])
        result = session.result
        for number in range(1, plan + 1):
            match = session.expect(rf'^(ok|not ok) {number}\b([^\n]*)\n', guard=False)
            if match[1] != 'ok':
                result.ktap_failed.append(match[2].strip(' -'))
            elif re.search(r'# SKIP', match[2], re.IGNORECASE):
                result.ktap_skipped += 1
            else:
                result.ktap_passed += 1
        if result.ktap_failed:
            raise Failed('self-tests failed: ' + '; '.join(result.ktap_failed))


# --- running them ---

@dataclass
class Result:
    failure: str = ''
    seconds: float = 0
    ktap_passed: int = 0
    ktap_skipped: int = 0
    ktap_failed: list = field(default_factory=list)


class Log:
    """The console's log: raw in the file, read as plain text."""

    def __init__(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.path = path
        self._file = open(path, 'w', encoding='utf-8', newline='')

    def write(self, text):
        self._file.write(text)

    def flush(self):
        self._file.flush()

    def text(self):
        self.flush()
        with open(self.path, encoding='utf-8', newline='') as file:
            return plain(file.read())

    def close(self):
        self._file.close()


class Session:
    """A case on one engine, booted."""

    FLAGS = re.MULTILINE

    def __init__(self, case, machine, log, result, limit):
        self.case, self.machine, self.result = case, machine, result
        self.log, self.limit = log, limit
        self.console = PlainConsole(machine, log)
        self.kept = {}

    def expect(self, pattern, guard=True):
        """Wait for a pattern; answers the match and keeps its named groups.
        With guard, what must never appear ends the wait at once."""
        wanted = [re.compile(pattern, self.FLAGS)]
        if guard and not self.case.fail:
            wanted.append(NEVER)
        try:
            found = self.console.expect(wanted, timeout=self.limit)
        except TIMEOUT:
            raise Failed(f'waited {self.limit} s for: {pattern}') from None
        except EOF:
            raise Failed(f'{self.ending()}, while waiting for: {pattern}') from None
        if found == 1:
            line = (self.console.match[0] + self.rest()).splitlines()[0]
            raise Failed(f'"{line}" appeared while waiting for: {pattern}')
        match = self.console.match
        for name, value in match.groupdict().items():
            self.kept.setdefault(name, []).append(value)
        return match

    def rest(self):
        """What follows a failure, such as registers and a call trace: until the machine ends, or
        for some seconds."""
        self.console.expect([EOF, TIMEOUT], timeout=10)
        return self.console.before

    def ending(self):
        return f'the machine ended ({self.machine.end})'

    def finish(self):
        """Nothing more is asked for: it has to power off by itself."""
        try:
            self.console.expect(EOF, timeout=self.limit)
        except TIMEOUT:
            raise Failed(f'waited {self.limit} s for the machine to power off') from None
        if self.machine.exit_code != 0:
            raise Failed(f'{self.ending()}, not by a power-off')
        bad = LOCKDEP.search(self.log.text())
        if bad and not self.case.fail:
            raise Failed(f'"{bad[0]}" is in the log')
        bad = NEVER.search(self.log.text())
        if bad and not any(word in bad[0] for word in self.case.fail):
            raise Failed(f'"{bad[0]}" is in the log')


def build_iso(case, folder):
    """The case's ISO.  Its manifest names files as they lie in build/."""
    for name in ('guests', 'linux'):
        os.symlink(os.path.join(BUILD, name), os.path.join(folder, name))
    for name, make in case.files.items():
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(make())
    manifest = os.path.join(folder, 'manifest')
    with open(manifest, 'w', encoding='utf-8') as file:
        file.write(case.manifest)
    out = os.path.join(folder, 'test.iso')
    errors = iso.build(manifest, out, DEBUG_KERNEL if case.debug else KERNEL,
                       case.options, case.lenient)
    if errors:
        raise Failed('\n'.join(f'manifest:{line}: {reason}' for line, reason in errors))
    return out


def run_case(case, engine, parallel=False):
    """Boot one case on one engine; answers a Result."""
    result = Result()
    started = time.monotonic()
    log = Log(os.path.join(LOGS, engine, f'{case.name}.log'))
    with tempfile.TemporaryDirectory(prefix='partita-test-') as folder:
        machine = None
        try:
            with Machine(engine, build_iso(case, folder), cpus=case.cpus, memory=case.memory,
                         uefi=case.uefi, icount=case.icount, parallel=parallel) as machine:
                session = Session(case, machine, log, result, LIMIT[engine])
                try:
                    for step in case.steps:
                        step.run(session)
                    if case.ends:
                        session.finish()
                except Failed as failure:
                    result.failure = report(failure, machine, log)
        except (Failed, MachineError, OSError, SystemExit) as failure:
            result.failure = str(failure)
    log.close()
    result.seconds = time.monotonic() - started
    return result


def report(failure, machine, log):
    """What somebody who reads a failure needs to see."""
    parts = [str(failure), f'--- the console\'s end ({log.path}) ---',
             '\n'.join(log.text().splitlines()[-40:])]
    registers = machine.registers()
    if registers:
        parts += ['--- registers of the machine ---', '\n'.join(registers.splitlines()[:12])]
    emulator = machine.log_tail(15)
    if emulator:
        parts += ['--- what the emulator says ---', emulator]
    return '\n'.join(parts)


# --- what cases need to know ---

def guest_path(name):
    return os.path.join(BUILD, 'guests', name)


def file_sum(name):
    """The sum of a file's bytes, as the guests print it of a module."""
    with open(os.path.join(BUILD, name), 'rb') as file:
        return sum(file.read()) & 0xffffffff


def head(name, size):
    """A function that makes the first SIZE bytes of a file in build/."""
    def make():
        with open(os.path.join(BUILD, name), 'rb') as file:
            return file.read(size)
    return make


def md5_of_sequence(last, times):
    """md5sum of `seq LAST`, TIMES over."""
    text = ''.join(f'{n}\n' for n in range(1, last + 1)).encode()
    digest = hashlib.md5()
    for _ in range(times):
        digest.update(text)
    return digest.hexdigest()
