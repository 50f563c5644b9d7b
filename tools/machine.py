#!/usr/bin/python3
"""The machines that Partita runs on: QEMU and Bochs, behind one class.

    with Machine('bochs-vmx', 'build/partita.iso') as machine:
        machine.console.expect_exact('partita>')
        machine.console.sendline('poweroff')
        machine.wait()
        print(machine.exit_code, machine.end)

The guest's COM1 is a two-way stream of bytes: machine.fd, or with pexpect's
methods machine.console.  A machine uses no fixed port, file or name, so that
any number run at once, and leaves none behind: it owns one process group and
one private directory, and its process dies with ours even if we are killed.
"""

import atexit
import ctypes
import errno
import glob
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import tty

from console import Console

ENGINES = ('qemu-svm', 'bochs-vmx', 'bochs-svm', 'qemu-kvm')

OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
OVMF_VARS = '/usr/share/OVMF/OVMF_VARS_4M.fd'
BOCHS_BIOS = '/usr/share/bochs/BIOS-bochs-latest'
BOCHS_VGA_BIOS = '/usr/share/vgabios/vgabios.bin'
BOCHS_CPU = {'bochs-vmx': 'corei7_skylake_x', 'bochs-svm': 'ryzen'}

# Bochs ends with status 1 and a "panic" of these words when its machine is
# switched off (ACPI S5, port 8900h); anything else it calls a panic is one.
BOCHS_OFF = re.compile(r'ACPI control: soft power off|[Ss]hutdown port: shutdown requested')

PR_SET_PDEATHSIG = 1

running_machines = set()


class MachineError(Exception):
    """The machine cannot be started, or broke."""


def engine_problem(engine):
    """One line on why ENGINE cannot run here, or None."""
    if engine not in ENGINES:
        return f'unknown machine "{engine}": one of {", ".join(ENGINES)}'
    program = 'bochs-bin' if engine in BOCHS_CPU else 'qemu-system-x86_64'
    if not shutil.which(program):
        return f'{engine}: {program} is not installed; run tools/setup'
    if engine == 'qemu-kvm':
        missing = kvm_problem()
        if missing:
            return (f'qemu-kvm: {missing}; use MACHINE=qemu-svm, bochs-vmx or bochs-svm, '
                    'which need nothing of the host')
    return None


def kvm_problem():
    """Why KVM cannot run a kernel that runs guests.  /dev/kvm proves nothing:
    the host's CPU must show vmx or svm, and its KVM must pass them on."""
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as file:
        flags = set(re.findall(r'\b(vmx|svm)\b', file.read()))
    if not flags:
        return "this host's CPU shows neither vmx nor svm"
    nested = {}
    for path in glob.glob('/sys/module/kvm_*/parameters/nested'):
        with open(path, encoding='ascii') as file:
            nested[path] = file.read().strip() in ('1', 'Y')
    if not any(nested.values()):
        return "this host's KVM does not nest (parameter nested of kvm_intel or kvm_amd)"
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'no access to /dev/kvm'
    return None


def exit_on_signals(leave=sys.exit):
    """Turn SIGTERM and SIGHUP into an ordinary exit, so that machines end."""
    numbers = (signal.SIGTERM, signal.SIGHUP)

    def handler(number, _frame):
        for other in numbers:       # a second one must not break the cleaning up
            signal.signal(other, signal.SIG_IGN)
        leave(128 + number)
    for number in numbers:
        signal.signal(number, handler)


def stop_all():
    """End every machine that this process runs, from whatever thread."""
    for machine in list(running_machines):
        machine.interrupt()


def megabytes(size):
    match = re.fullmatch(r'([0-9]+)([MG]?)', str(size))
    if not match:
        raise MachineError(f'bad memory size "{size}": a number and M or G')
    return int(match[1]) * (1024 if match[2] == 'G' else 1)


class Machine:
    """One virtual machine with an ISO in its CD drive.

    debug: stopped before the first instruction.  QEMU then listens for gdb at
    machine.gdb_path; Bochs's own debugger takes over our terminal.
    parallel: QEMU's processors are threads of the host, where two at once run
    into faults of QEMU's own (docs/platform-quirks.md); else they take turns.
    symbols: a file of symbols for Bochs's debugger; breakpoint: an address.
    """

    def __init__(self, engine, iso, cpus=1, memory='1G', uefi=False, icount=False,
                 parallel=False, debug=False, symbols=None, breakpoint_at=None, extra=()):
        problem = engine_problem(engine)
        if problem is None and uefi and engine in BOCHS_CPU:
            problem = f'{engine} has no UEFI firmware; use qemu-svm'
        if problem:
            raise MachineError(problem)
        self.engine, self.iso = engine, os.path.abspath(iso)
        self.cpus, self.memory = int(cpus), megabytes(memory)
        self.uefi, self.icount, self.debug = uefi, icount, debug
        self.parallel = parallel
        self.symbols, self.breakpoint_at = symbols, breakpoint_at
        self.extra = list(extra)
        self.is_bochs = engine in BOCHS_CPU
        self.fd = None              # our end of the serial line
        self.tty = None             # Bochs: the pty that is its COM1
        self.exit_code = None       # after the end: 0 for a clean one
        self.end = None             # after the end: how, in words
        self.folder = None
        self._process = None
        self.pidfd = None           # readable when the process has ended
        self.last_log = ''          # after an end that was not clean: the log's tail
        self._slave = None          # Bochs: keeps the pty open until it has opened it
        self._qmp = self._qmp_file = None
        self._qmp_text = ''
        self._console = None

    # --- life ---

    def start(self):
        self.folder = tempfile.mkdtemp(prefix='partita-')
        running_machines.add(self)
        atexit.register(self.stop)
        try:
            command, inherited = self._bochs() if self.is_bochs else self._qemu()
            self._spawn(command, inherited)
        except BaseException:
            self.stop()
            raise
        finally:
            self.iso = None
        return self

    def _spawn(self, command, inherited):
        terminal = self.debug and self.is_bochs

        def die_with_parent():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        with open(self.path('output'), 'wb') as output:
            # A session of its own: Ctrl-C in the terminal must not reach it,
            # and killing its group can hit nobody else.
            self._process = subprocess.Popen(
                command, pass_fds=[s.fileno() for s in inherited], preexec_fn=die_with_parent,
                start_new_session=not terminal, cwd=self.folder,
                stdin=None if terminal else subprocess.DEVNULL,
                stdout=None if terminal else output,
                stderr=None if terminal else subprocess.STDOUT)
        self.pidfd = os.pidfd_open(self._process.pid)
        for end in inherited:
            end.close()

    def path(self, name):
        return os.path.join(self.folder, name)

    def running(self):
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout=None):
        """Wait for the end of the machine; answers the exit code.  Whoever
        calls this has stopped reading: what still comes is read and dropped."""
        limit = None if timeout is None else time.monotonic() + timeout
        while self.running():
            left = None if limit is None else limit - time.monotonic()
            if left is not None and left <= 0:
                raise MachineError(f'the machine still runs after {timeout} s')
            if self.readable(left):
                self.read()
        self._judge()
        return self.exit_code

    def wait_process(self):
        """Wait for the end without reading the serial line."""
        self._process.wait()

    def stop(self):
        """End the machine if it still runs, and remove all it had."""
        if self.running():
            self._kill()
        if self._process is not None and self.exit_code is None:
            self._judge()
        for fd in (self.fd, self._slave, self.pidfd):
            if fd is not None:
                os.close(fd)
        self.fd = self._slave = self.pidfd = None
        if self._qmp is not None:
            self._qmp.close()
            self._qmp = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
        running_machines.discard(self)
        atexit.unregister(self.stop)

    def interrupt(self):
        """End the process alone; whoever uses the machine sees its end."""
        if self.running():
            self._process.kill()

    def _kill(self):
        self.end, self.exit_code = 'stopped by us', 128 + signal.SIGTERM
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                self._process.send_signal(number)
                self._process.wait(2)
                return
            except subprocess.TimeoutExpired:
                pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- the serial line ---

    @property
    def console(self):
        if self._console is None:
            self._console = Console(self)
        return self._console

    def readable(self, timeout=None):
        """Wait for bytes, or for the end of the machine (then read() answers
        b'' when the last byte is gone).  False: neither came in time."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(None if timeout is None else max(0, timeout) * 1000))

    def read(self, size=65536):
        """The bytes that are there; b'' when the machine has ended (or, after
        readable() said nothing, when there are none yet)."""
        try:
            data = os.read(self.fd, size)
            if not data and not self.is_bochs:
                self._process.wait()
        except BlockingIOError:
            data = b''
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b''
        if not data and not self.running():
            self._judge()
        return data

    def write(self, data):
        """Write all of DATA, however slowly the guest takes it."""
        data = memoryview(data)
        while data and self.running():
            written = self.write_some(data)
            data = data[written:]
            if not written:
                poll = select.poll()
                poll.register(self.fd, select.POLLOUT)
                poll.register(self.pidfd, select.POLLIN)
                poll.poll()

    def write_some(self, data):
        """Write what the line takes at once; answers how much that was."""
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno in (errno.EIO, errno.EPIPE, errno.ECONNRESET):
                return len(data)    # it has ended; the next read() finds out
            raise

    # --- how it ended ---

    def _judge(self):
        """Set exit_code and end from what the process left."""
        if self.exit_code is not None:
            return
        status = self._process.wait()
        if self.is_bochs:
            self.exit_code, self.end = self._judge_bochs(status)
        else:
            self.exit_code, self.end = self._judge_qemu(status)
        if self.exit_code != 0:
            self.last_log = self.log_tail()

    def _judge_qemu(self, status):
        reasons = self._qmp_reasons()
        if status == 0 and 'guest-reset' in reasons:
            # Nothing in our kernel asks for that, so it was a triple fault.
            return 1, 'the machine was reset (triple fault?)'
        if status == 0:
            return 0, 'power off'
        if status > 0 and status & 1 and not self.log_tail():
            return status, f'debug exit with {status >> 1}'
        return status, f'QEMU ended with status {status}'

    def _judge_bochs(self, status):
        log = self._log_text()
        panics = [line for line in log.splitlines()
                  if '>>PANIC<<' in line or re.match(r'\d+p', line)]
        real = [line for line in panics if not BOCHS_OFF.search(line)]
        if real:
            return 1, f'Bochs panic: {real[-1].split("] ", 1)[-1]}'
        if panics or status == 0:
            return 0, 'power off'
        return status, f'Bochs ended with status {status}'

    def _log_text(self):
        text = ''
        for name in ('output', 'bochs.log'):
            if self.folder and os.path.exists(self.path(name)):
                with open(self.path(name), encoding='utf-8', errors='replace') as file:
                    text += file.read()
        return text

    def log_tail(self, lines=30):
        """The last lines of what the emulator itself has said.  Of Bochs only
        errors and panics: it ends with pages of registers in any case."""
        kept = [line for line in self._log_text().splitlines()
                if not (self.is_bochs and re.match(r'\d+[id]\[', line))]
        return '\n'.join(kept[-lines:])

    # --- QEMU ---

    def _qemu(self):
        self._qmp, qmp = socket.socketpair()
        # QEMU reports nothing, not even why it ends, before it is greeted.
        self._qmp.sendall(b'{"execute": "qmp_capabilities"}\n')
        ours, serial = socket.socketpair()
        self.fd = ours.detach()
        os.set_blocking(self.fd, False)
        command = ['qemu-system-x86_64', '-name', 'partita', '-machine', 'pc']
        if self.engine == 'qemu-kvm':
            command += ['-accel', 'kvm', '-cpu', 'host']
        else:
            threads = 'multi' if self.parallel else 'single'
            command += ['-accel', f'tcg,thread={threads}', '-cpu', 'max,+svm,+npt']
        command += [
            '-smp', str(self.cpus), '-m', f'{self.memory}M',
            '-nodefaults', '-vga', 'std', '-display', 'none', '-net', 'none',
            '-cdrom', self.iso, '-no-reboot',
            '-chardev', f'socket,id=com1,fd={serial.fileno()}', '-serial', 'chardev:com1',
            '-chardev', f'socket,id=qmp,fd={qmp.fileno()}', '-mon', 'chardev=qmp,mode=control',
            '-device', 'isa-debug-exit,iobase=0xf4,iosize=4',
        ]
        if self.icount:
            # Counts instructions, and repeats bit by bit.
            command += ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2020-01-01,clock=vm',
                        '-seed', '1']
        if self.uefi:
            # The firmware writes its variables, so each machine has its own.
            shutil.copyfile(OVMF_VARS, self.path('vars.fd'))
            command += ['-drive', f'if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}',
                        '-drive', f'if=pflash,format=raw,unit=1,file={self.path("vars.fd")}']
        if self.debug:
            command += ['-S', '-chardev', f'socket,id=gdb,path={self.gdb_path},server=on,wait=off',
                        '-gdb', 'chardev:gdb']
        return command + self.extra, (qmp, serial)

    @property
    def gdb_path(self):
        """Where gdb finds a QEMU started with debug."""
        return self.path('gdb')

    def qmp(self, command, **arguments):
        """Run one command of QEMU's monitor; answers its result."""
        if self._qmp_file is None:
            self._qmp.settimeout(10)
            self._qmp_file = self._qmp.makefile('rw')
            self._qmp_answer()          # to the greeting
        self._qmp_file.write(json.dumps({'execute': command, 'arguments': arguments}) + '\n')
        self._qmp_file.flush()
        return self._qmp_answer()

    def _qmp_answer(self):
        """The next answer; events before it are kept for the end."""
        for line in self._qmp_file:
            self._qmp_text += line
            answer = json.loads(line)
            if 'return' in answer:
                return answer['return']
            if 'error' in answer:
                raise MachineError(answer['error'].get('desc', str(answer)))
        raise MachineError('QEMU ended')

    def registers(self):
        """QEMU: the host CPUs' registers, for a report of a failure."""
        if self.is_bochs or not self.running():
            return ''
        try:
            return self.qmp('human-monitor-command', **{'command-line': 'info registers -a'})
        except (MachineError, OSError, ValueError):
            return ''

    def _qmp_reasons(self):
        """The reasons of the SHUTDOWN events that QEMU has sent."""
        try:
            if self._qmp_file is None:
                self._qmp.settimeout(1)
                self._qmp_file = self._qmp.makefile('rw')
            self._qmp_text += self._qmp_file.read()
        except (OSError, ValueError):
            pass
        return re.findall(r'"reason": "([a-z-]+)"', self._qmp_text)

    # --- Bochs ---

    def _bochs(self):
        self.fd, self._slave = pty.openpty()
        # Bochs makes it raw as well, but later: until then nothing may echo.
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self.fd, False)
        self.tty = os.ttyname(self._slave)
        with open(self.path('bochsrc'), 'w', encoding='utf-8') as file:
            file.write(self._bochsrc())
        with open(self.path('rc'), 'w', encoding='utf-8') as file:
            file.write(self._bochs_debugger_rc())
        # bochs-bin, as Debian's wrapper adds options of its own.
        return ['bochs-bin', '-q', '-f', self.path('bochsrc'), '-rc', self.path('rc')], ()

    def _bochsrc(self):
        # An idle Bochs, too, does some 50 million ticks a second: with that many
        # declared, its clock is near ours, and without sync its runs repeat.
        return f'''\
# rfb needs neither X nor a terminal.  It takes the first free port itself.
display_library: rfb, options="timeout=0,hideIPS"
romimage: file={BOCHS_BIOS}
vgaromimage: file={BOCHS_VGA_BIOS}
cpu: model={BOCHS_CPU[self.engine]}, count={self.cpus}, ips=50000000, reset_on_triple_fault=0
memory: guest={self.memory}, host={self.memory}
clock: sync=none, time0=1577836800
ata0: enabled=1
ata0-master: type=cdrom, path="{self.iso}", status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={self.tty}
magic_break: enabled=0
port_e9_hack: enabled=1
speaker: enabled=0
sound: driver=dummy, waveout=none, wavein=none, midiout=none
log: {self.path('bochs.log')}
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
''' + '\n'.join(self.extra) + '\n'

    def _bochs_debugger_rc(self):
        """The built-in debugger stops before the first instruction."""
        if not self.debug:
            return 'c\nq\n'
        lines = []
        if self.symbols:
            lines.append(f'ldsym global "{self.symbols}"')
        if self.breakpoint_at is not None:
            lines += [f'pb {self.breakpoint_at:#x}', 'c']
        return '\n'.join(lines) + '\n'
