"""The scripts around the kernel: the manifest's rules, and the terminal."""

import glob
import os
import random
import re
import signal
import subprocess

import pexpect
import pytest

import steps
import iso
from manifest import Manifest

ROOT = steps.ROOT


@pytest.mark.parametrize('text,errors', [
    ('', []),
    ('# nothing\n\n   # here\n', []),
    ('[a]\nkernel = k\n', []),
    ('[a]\nkernel=k # why\nautostart = no\nlog = yes\non-reset = stop\n', []),
    ('[a]\r\nkernel = k\r\n', []),
    ('[a]\nkernel = k\ninitrd = i j\ninitrd = l\nmodule = m x y\nmodule = m\n', []),
    ('[a]\nmemory = 1M\n', [(1, 'no kernel')]),
    ('[a]\nkernel = k\nkernel = k\n', [(3, 'duplicate key "kernel"')]),
    ('[a]\nkernel = k\nkernels = k\n', [(3, 'unknown key "kernels"')]),
    ('[a]\nkernel = k\n[a]\nkernel = k\n', [(3, 'duplicate partition name "a"')]),
    ('kernel = k\n', [(1, 'before the first')]),
    ('[a]\nkernel = k\nwhat is this\n', [(3, 'neither')]),
    ('[a\nkernel = k\n', [(1, 'section without')]),
    ('[]\nkernel = k\n', [(1, 'bad partition name')]),
    ('[a b]\nkernel = k\n', [(1, 'bad partition name')]),
    (f'[{"x" * 31}]\nkernel = k\n', []),
    (f'[{"x" * 32}]\nkernel = k\n', [(1, 'bad partition name')]),
    ('[a]\nkernel =\n', [(2, 'one path')]),
    ('[a]\nkernel = two words\n', [(2, 'one path')]),
    ('[a]\nkernel = k\nmemory = 1023K\n', [(3, 'less than 1M')]),
    ('[a]\nkernel = k\nmemory = 1024K\n', []),
    ('[a]\nkernel = k\nmemory = 12 M\n', [(3, 'bad size')]),
    ('[a]\nkernel = k\nmemory = -1M\n', [(3, 'bad size')]),
    ('[a]\nkernel = k\nmemory = 99999999999999999999G\n', [(3, 'does not fit')]),
    ('[a]\nkernel = k\nvcpus = 0\n', [(3, 'bad vcpus')]),
    ('[a]\nkernel = k\nvcpus = 16\n', []),
    ('[a]\nkernel = k\nvcpus = 17\n', [(3, 'bad vcpus')]),
    ('[a]\nkernel = k\nautostart = maybe\nlog = 1\non-reset = x\n',
     [(3, 'autostart'), (4, 'log'), (5, 'on-reset')]),
])
def test_manifest(text, errors):
    found = Manifest(text).errors
    assert [line for line, _ in found] == [line for line, _ in errors]
    for (_, reason), (_, words) in zip(found, errors):
        assert words in reason


def both_parsers(text, program):
    """What the kernel's parser makes of a manifest, and what tools/manifest.py does."""
    done = subprocess.run([program, '-'], input=text, capture_output=True, text=True, check=True,
                          cwd=ROOT)
    manifest = Manifest(text)
    wrong = {line for line, _ in manifest.errors}
    lines = [f'error {line} {reason}' for line, reason in manifest.errors]
    ends = [p.line for p in manifest.partitions[1:]] + [1 << 30]
    for p, end in zip(manifest.partitions, ends):
        if not any(p.line <= line < end for line in wrong):
            cpus = sum(1 << n for n in p.cpus) if p.cpus else (1 << 64) - 1
            lines.append(f'{p.name} {p.kernel} {p.memory & ~4095} {p.vcpus} '
                         f'{p.autostart:d}{p.log:d}{p.on_reset == "restart":d} {p.weight} '
                         f'{p.priority} {p.budget[0]}/{p.budget[1]} {cpus:x}')
    return sorted(done.stdout.splitlines()), sorted(lines)


VALUES = {
    'memory': ['64M', '1G', '1M', '1023K', '12', '', '600G', '1M1'],
    'vcpus': ['1', '16', '17', '0', '-1', '007', '1K'],
    'autostart': ['yes', 'no', 'on'], 'log': ['no', 'yes', ''],
    'on-reset': ['stop', 'restart', 'x'],
    'weight': ['1', '100', '10000', '10001', '0', '1.5', '0300', '99999999999999999999'],
    'priority': ['1', '2', '4', '5', '0', 'x'],
    'budget': ['10ms/100ms', '1s/10s', '1s/11s', '10us/1ms', '9us/1ms', '2ms/1ms', '1/2', '5ms',
               '1ms/1ms/1ms', '1 ms/2ms', '/', '99999999999999999999s/1s', '1ms/999us', '1ns/1s',
               '18446744073709552ms/1s', '07ms/9ms'],
    'cpus': ['0', '0,1', '0-3', '1,3-5,3', '', ',', '0,', '3-1', '64', '63', '0-63', '0 1', '1--2',
             '-1', '99999999999999999999'],
    'colour': ['red'], 'kernel': ['k', 'a b', ''],
}


def test_manifest_like_the_kernel():
    """The two parsers agree about random manifests, good and bad, to the letter."""
    program = os.path.join(os.environ.get('BUILD', 'build'), 'unit', 'test_manifest')
    subprocess.run(['make', '-s', program], cwd=ROOT, check=True)
    chance = random.Random(1)
    for _ in range(300):
        lines = []
        for name in chance.sample('abcdef', chance.randint(1, 4)) + chance.choices('ab ', k=1):
            lines += [f'[{name}]', 'kernel = k'][:chance.choice((1, 2, 2, 2, 2))]
            for key in chance.sample(sorted(VALUES), chance.randint(0, 4)):
                lines.append(f'{key} = {chance.choice(VALUES[key])}')
        kernel, script = both_parsers('\n'.join(lines), program)
        assert kernel == script, '\n'.join(lines)


def test_manifest_comment():
    manifest = Manifest('[a]\nkernel = k\ncmdline = a#b c=# # d\n')
    assert manifest.partitions[0].cmdline == 'a#b c=#'


def test_manifest_paths_once():
    manifest = Manifest('[a]\nkernel = k\ninitrd = i k\n[b]\nkernel = i\nmodule = m x\n')
    assert manifest.paths == ['k', 'i', 'm']


def test_mkiso_names_file_and_line(tmp_path):
    path = tmp_path / 'my.conf'
    path.write_text('[a]\nkernel = nowhere\n')
    done = subprocess.run([f'{ROOT}/tools/mkiso', path, tmp_path / 'x.iso'],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f'{path}:2: missing file: nowhere\n'
    assert sorted(os.listdir(tmp_path)) == ['my.conf']


def test_mkiso_names_a_missing_kernel(tmp_path):
    path = tmp_path / 'my.conf'
    path.write_text('')
    done = subprocess.run([f'{ROOT}/tools/mkiso', path, tmp_path / 'x.iso', '--kernel', 'nowhere'],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, 'mkiso: nowhere: No such file or directory\n')
    assert sorted(os.listdir(tmp_path)) == ['my.conf']


# --- tools/run, as a person uses it ---

@pytest.fixture(scope='module')
def halt_iso(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    (folder / 'm').write_text(f'[halt]\nkernel = {steps.guest_path("halt.elf")}\n')
    out = str(folder / 'run.iso')
    assert iso.build(str(folder / 'm'), out, f'{steps.BUILD}/partita.elf') == []
    return out


ENGINES = pytest.mark.parametrize('engine_used', ['qemu-svm', 'bochs-vmx'])


def run_in_terminal(engine, image, folder):
    return pexpect.spawn(f'{ROOT}/tools/run', ['--machine', engine, '--iso', image],
                         env={**os.environ, 'TMPDIR': str(folder)}, encoding='utf-8',
                         codec_errors='replace', timeout=steps.LIMIT['bochs-vmx'])


def processes_with(folder):
    """Command lines that name FOLDER, where the machine keeps its files."""
    found = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            with open(path, 'rb') as file:
                if str(folder).encode() in file.read():
                    found.append(path)
        except OSError:
            pass
    return found


@ENGINES
def test_run_powers_off(engine_used, halt_iso, tmp_path):
    child = run_in_terminal(engine_used, halt_iso, tmp_path)
    child.expect_exact('halt: how=cli')
    child.send('\x03\x1d')
    child.expect_exact('partita> ')
    child.send('poweroff\r')
    child.expect(pexpect.EOF)
    child.wait()
    assert (child.exitstatus, child.signalstatus) == (0, None)
    assert os.listdir(tmp_path) == []


@ENGINES
@pytest.mark.parametrize('how', ['SIGTERM', 'SIGHUP', 'close'])
def test_run_leaves_nothing(engine_used, how, halt_iso, tmp_path):
    child = run_in_terminal(engine_used, halt_iso, tmp_path)
    child.expect_exact('halt: how=cli')
    assert os.listdir(tmp_path) != []
    if how == 'close':
        os.close(child.child_fd)
        child.child_fd, child.closed = -1, True
    else:
        child.kill(getattr(signal, how))
    child.wait()
    assert processes_with(tmp_path) == []
    assert os.listdir(tmp_path) == []


def test_qemu_kvm_says_what_to_use(halt_iso):
    from machine import kvm_problem
    if kvm_problem() is None:
        pytest.skip('this host can run qemu-kvm')
    done = subprocess.run([f'{ROOT}/tools/run', '--machine', 'qemu-kvm', '--iso', halt_iso],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode != 0
    assert re.fullmatch(r'run: qemu-kvm: .*use MACHINE=qemu-svm.*\n', done.stderr)
