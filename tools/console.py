#!/usr/bin/python3
"""The serial line of a machine, with pexpect's methods."""

from pexpect.exceptions import EOF, TIMEOUT
from pexpect.spawnbase import SpawnBase


class Console(SpawnBase):
    """pexpect's methods on a machine's serial line.

    Its text is UTF-8 with anything else replaced; for raw bytes use the fd.
    """

    def __init__(self, machine, log=None):
        super().__init__(timeout=60, encoding='utf-8', codec_errors='replace')
        self._machine = machine
        self.child_fd = machine.fd
        self.logfile_read = log

    def isalive(self):
        return self._machine.running()

    def read_nonblocking(self, size=1, timeout=-1):
        if timeout == -1:
            timeout = self.timeout
        if not self._machine.readable(timeout):
            raise TIMEOUT('nothing came from the serial line in time')
        data = self._machine.read(size)
        if not data:
            self.flag_eof = True
            raise EOF(f'the machine ended: {self._machine.end or "?"}')
        text = self._decoder.decode(data, final=False)
        self._log(text, 'read')
        return text

    def send(self, text):
        self._machine.write(text.encode('utf-8') if isinstance(text, str) else text)

    def sendline(self, text=''):
        # What the Enter key sends.
        self.send(text + '\r')
