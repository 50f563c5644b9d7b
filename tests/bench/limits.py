"""tests/bench/limits: every figure of `make bench` as it was last accepted.

One line a figure: its name and a number for each engine, `-` where it is not
measured.  The first line names the engines.
"""

import os

TOLERANCE = 1.05
HEAD = '''# What `make bench` measured when it was last accepted, in instructions (linux-*: ratios).
# CI fails on a figure more than 5 % above its entry.  `make bench UPDATE=1` writes this file.
'''


def read(path):
    """{name: {engine: number}}, in the order of the file."""
    table, engines = {}, None
    if not os.path.exists(path):
        return table
    with open(path, encoding='utf-8') as file:
        for line in file:
            words = line.split('#')[0].split()
            if not words:
                continue
            if engines is None:
                engines = words[1:]
                continue
            table[words[0]] = {engine: float(word) if '.' in word else int(word)
                               for engine, word in zip(engines, words[1:]) if word != '-'}
    return table


def columns(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [row[0].ljust(widths[0]) + ''.join('  ' + cell.rjust(width)
                                               for cell, width in zip(row[1:], widths[1:]))
             for row in rows]
    return ''.join(line.rstrip() + '\n' for line in lines)


def update(path, engines, results):
    """Take over what was measured; what was not keeps its entry."""
    table = read(path)
    for engine, figures in results.items():
        for name, number in figures.items():
            table.setdefault(name, {})[engine] = number
    rows = [['figure', *engines]]
    rows += [[name, *(str(entry.get(engine, '-')) for engine in engines)]
             for name, entry in table.items()]
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(HEAD + columns(rows))
    os.replace(path + '.new', path)


class Table:
    """Figures beside their entries in the file, and what is wrong with them."""

    def __init__(self, path, engines, absolute):
        self.engines, self.absolute = engines, absolute
        self.accepted = read(path)

    def problem(self, engine, name, number):
        """Why the figure cannot be accepted, or None."""
        entry = self.accepted.get(name, {}).get(engine)
        if name in self.absolute and number > self.absolute[name]:
            return f'{number}, and the limit is {self.absolute[name]}'
        if entry is None:
            return f'{number}, which has no entry in tests/bench/limits'
        if number > entry * TOLERANCE:
            return f'{number}, {100 * (number / entry - 1):.1f} % above its entry of {entry}'
        return None

    def problems(self, results):
        found = ((engine, name, self.problem(engine, name, number))
                 for engine, figures in results.items() for name, number in figures.items())
        return [f'{name} on {engine}: {why}' for engine, name, why in found if why]

    def missing(self, results, quick):
        """Figures that have an entry, and were to be measured, but have not come."""
        return [f'{name} on {engine}' for name, entry in self.accepted.items()
                for engine in entry if engine in results and name not in results[engine] and
                not (quick and name.startswith('linux-'))]

    def _cell(self, engine, name, results):
        number = results[engine].get(name)
        if number is None:
            return '-  '
        entry = self.accepted.get(name, {}).get(engine)
        change = '' if entry in (None, number) else f' ({100 * (number / entry - 1):+.1f} %)'
        return f'{number}{change}' + (' !' if self.problem(engine, name, number) else '  ')

    def text(self, results, peer):
        names = list(dict.fromkeys([*self.accepted, *(n for f in results.values() for n in f)]))
        rows = [['', 'limit', *(engine + '  ' for engine in self.engines), 'KVM/SVM', 'KVM/VMX']]
        for name in names:
            if any(name in results[engine] for engine in self.engines):
                rows.append([name, str(self.absolute.get(name, '')),
                             *(self._cell(engine, name, results) for engine in self.engines),
                             *map(str, peer.get(name, ('', '')))])
        return columns(rows)
