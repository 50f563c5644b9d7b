"""Runs the table of cases side by side: as many machines as there are CPUs.

The machines are started by a pool of threads, the longest first, as soon as
pytest has chosen its tests; each test then only waits for its own machine.
"""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import steps  # noqa: E402
from machine import exit_on_signals, stop_all  # noqa: E402


def pytest_addoption(parser):
    parser.addoption('--engine', action='append', choices=steps.ALL,
                     help='test on this engine alone (repeatable)')
    parser.addoption('--cpus', type=int, help='give every machine this many CPUs')
    parser.addoption('--parallel', action='store_true',
                     help="QEMU with a thread for each CPU: finds races, QEMU's own as well")
    parser.addoption('--jobs', type=int, default=os.cpu_count(), help='machines at once')
    parser.addoption('--counts', help='write the numbers of tests to this file, as JSON')


def pytest_configure(config):
    # SystemExit would just fail the test that is waited for
    exit_on_signals(lambda status: pytest.exit('ended by a signal', status))
    config.machine_results = []


def pytest_collection_modifyitems(items):
    # A long case that starts last would leave the other CPUs idle.
    items.sort(key=lambda item: -getattr(item, 'callspec', None).params['case'].cost
               if hasattr(item, 'callspec') and 'case' in item.callspec.params else 0)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    """Start everything that was chosen."""
    config = session.config
    config.machine_futures = {}
    if config.option.collectonly:
        return
    config.machine_stop = threading.Event()
    config.machine_pool = ThreadPoolExecutor(config.option.jobs)
    for item in session.items:
        if 'engine' not in getattr(item, 'fixturenames', ()):
            continue
        params = item.callspec.params
        case, engine = params['case'], params['engine']
        if engine not in case.skip:
            config.machine_futures[item.nodeid] = config.machine_pool.submit(
                run_unless_stopped, config, case, engine)


def run_unless_stopped(config, case, engine):
    if config.machine_stop.is_set():
        return steps.Result(failure='not run')
    if config.option.cpus:
        case = replace(case, cpus=config.option.cpus)
    return steps.run_case(case, engine, config.option.parallel)


def pytest_sessionfinish(session):
    """Also after Ctrl-C or -x: end the machines that still run."""
    pool = getattr(session.config, 'machine_pool', None)
    if pool is not None:
        session.config.machine_stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()


@pytest.fixture
def machine_result(request):
    """Waits for this test's machine; answers its Result."""
    result = request.config.machine_futures[request.node.nodeid].result()
    request.config.machine_results.append(result)
    return result


def pytest_terminal_summary(terminalreporter, config):
    counts = {key: len(terminalreporter.stats.get(key, []))
              for key in ('passed', 'failed', 'error', 'skipped')}
    results = config.machine_results
    counts['ktap_passed'] = sum(r.ktap_passed for r in results)
    counts['ktap_skipped'] = sum(r.ktap_skipped for r in results)
    counts['ktap_failed'] = sum(len(r.ktap_failed) for r in results)
    if config.option.counts:
        with open(config.option.counts, 'w', encoding='ascii') as file:
            json.dump(counts, file)
