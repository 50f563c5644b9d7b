#!/usr/bin/python3
"""Bootable ISOs, for BIOS and UEFI: our kernel with a manifest's guests, or plain Linux.

GRUB hands the kernel, by Multiboot2, its options as command line and these
modules:

    string "manifest"   the manifest itself, always the first module
    string PATH         one image file; PATH is exactly as in the manifest

GRUB's module2 passes only the words after the file name as the module's
string (measured with GRUB 2.06; so no ISO path appears in it), and the file
unchanged: gzip'd guests arrive gzip'd.
"""

import os
import shutil
import subprocess
import tempfile

import manifest as manifests

# All that grub.cfg uses; with every module the ISO would be 30 MB larger.
# part_*: GRUB for UEFI asks for all of them, and complains aloud.
GRUB_MODULES = ('normal multiboot2 linux test echo serial sleep halt all_video '
                'part_acorn part_amiga part_bsd part_dfly part_dvh part_plan part_sun part_sunpc')


def grub_quote(word):
    """Quote WORD for GRUB's script language."""
    return "'" + word.replace("'", "'\\''") + "'"


def grub_config(boot, modules, command='multiboot2', module_command='module2 --nounzip'):
    """The grub.cfg that boots BOOT (path, options) with MODULES (path[, string]).

    There is no menu, so nothing waits.  If GRUB cannot load something, or has
    too little memory for it, it says so on the serial line and powers off:
    its own screen is seen by nobody on these machines.
    """
    path, options = boot
    lines = [' '.join([command, grub_quote(path)] + [grub_quote(o) for o in options.split()])]
    lines += [' '.join([module_command] + [grub_quote(word) for word in module])
              for module in modules]
    # GRUB's script has no && and goes on after a failed line: so each line
    # stands inside the `if` of the one before.
    attempt = (''.join(f'if {line}; then\n' for line in lines) + 'boot\n' + 'fi\n' * len(lines))
    # Under UEFI there is no text mode; a driver lets GRUB offer a framebuffer.
    return f'''if [ "$grub_platform" = efi ]; then insmod all_video; fi
{attempt}serial --unit=0 --speed=115200
terminal_output serial
echo
echo 'partita: GRUB could not load the kernel or a module:'
{attempt}sleep 1
halt
'''


def copy_or_link(source, target):
    """Put a file into the ISO's tree; a link avoids copying large guests."""
    os.stat(source)             # a link to nothing would be GRUB's problem
    try:
        os.symlink(os.path.abspath(source), target)
    except OSError:
        shutil.copyfile(source, target)


def reason_of(error):
    """An OSError in a person's words."""
    return f'{error.filename}: {error.strerror}' if error.filename else str(error)


def write_iso(tree, out):
    """Make OUT of the directory TREE, atomically."""
    with tempfile.TemporaryDirectory(prefix='.mkiso.', dir=os.path.dirname(out) or '.') as work:
        iso = os.path.join(work, 'iso')
        command = ['grub-mkrescue', '-o', iso, f'--install-modules={GRUB_MODULES}',
                   # -f: follow links, see copy_or_link()
                   '--locales=', '--fonts=', '--themes=', '-f', tree]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors='replace', check=False,
                              # grub-mkrescue leaves its temporary files behind
                              # when it is interrupted; here they go with ours.
                              env={**os.environ, 'TMPDIR': work})
        if done.returncode != 0 or not os.path.exists(iso):
            raise OSError(f'grub-mkrescue failed:\n{done.stdout}')
        os.replace(iso, out)


def build(manifest_path, out, kernel, options='', lenient=False):
    """Make the ISO; answers the manifest's errors (and then makes none)."""
    manifest = manifests.load(manifest_path)
    if manifest.errors and not lenient:
        return manifest.errors
    folder = os.path.dirname(manifest_path)
    with tempfile.TemporaryDirectory(prefix='mkiso.') as tree:
        boot = os.path.join(tree, 'boot')
        os.makedirs(os.path.join(boot, 'grub'))
        copy_or_link(kernel, os.path.join(boot, 'partita.elf'))
        copy_or_link(manifest_path, os.path.join(boot, 'manifest'))
        modules = [('/boot/manifest', 'manifest')]
        for number, path in enumerate(manifest.paths):
            # Plain numbers: the names on the ISO must not depend on what
            # characters or directories a path holds.
            copy_or_link(os.path.join(folder, path), os.path.join(boot, f'image{number}'))
            modules.append((f'/boot/image{number}', path))
        with open(os.path.join(boot, 'grub', 'grub.cfg'), 'w', encoding='latin-1') as file:
            file.write(grub_config(('/boot/partita.elf', options), modules))
        write_iso(tree, out)
    return []


def build_linux(out, kernel, initrd, cmdline):
    """An ISO that boots Linux directly, without us: what our guests are
    compared with, and a check of the machines themselves."""
    with tempfile.TemporaryDirectory(prefix='mkiso.') as tree:
        boot = os.path.join(tree, 'boot')
        os.makedirs(os.path.join(boot, 'grub'))
        copy_or_link(kernel, os.path.join(boot, 'vmlinuz'))
        copy_or_link(initrd, os.path.join(boot, 'initrd'))
        with open(os.path.join(boot, 'grub', 'grub.cfg'), 'w', encoding='latin-1') as file:
            file.write(grub_config(('/boot/vmlinuz', cmdline), [('/boot/initrd',)],
                                   'linux', 'initrd'))
        write_iso(tree, out)
