"""Every case of the table on every engine."""

import os

import pytest

import cases
import cases_sched
import steps

CASES = cases.CASES + cases_sched.CASES


def pytest_generate_tests(metafunc):
    if 'case' not in metafunc.fixturenames:
        return
    chosen = metafunc.config.option.engine or steps.ALL
    metafunc.parametrize('case,engine', [
        pytest.param(case, engine, id=f'{case.name}-{engine}')
        for case in CASES for engine in case.engines if engine in chosen])


def test_boot(case, engine, request):
    if engine in case.skip:
        pytest.skip(case.skip[engine])
    result = request.getfixturevalue('machine_result')
    if result.failure:
        pytest.fail(result.failure, pytrace=False)


def test_every_guest_is_used():
    """A guest that nobody boots tests nothing."""
    used = ' '.join(case.manifest for case in CASES)
    folder = os.path.join(steps.ROOT, 'guests')
    guests = {name for name in os.listdir(folder)
              if os.path.isdir(os.path.join(folder, name))} - {'lib'}
    assert sorted(g for g in guests if f'guests/{g}.' not in used) == []
