"""What all of these tests need: kernels that end with their test, and no test left out."""

import pytest
from jupyter_client.manager import KernelManager

from kernel import Client

SKIPPED = []


@pytest.fixture(scope="session")
def start_kernel(tmp_path_factory):
    """Starts kernels in an empty folder; each is shut down when the tests are over."""
    managers = []

    def start():
        manager = KernelManager(kernel_name="torchbook")
        manager.start_kernel(cwd=str(tmp_path_factory.mktemp("notebook")))
        managers.append(manager)
        return manager

    yield start
    for manager in managers:
        if manager.is_alive():
            manager.shutdown_kernel()


@pytest.fixture(scope="session")
def manager(start_kernel):
    """The kernel that most tests of a file share."""
    return start_kernel()


@pytest.fixture
def client(manager):
    """A client of the shared kernel."""
    with Client(manager) as client:
        yield client


def pytest_runtest_logreport(report):
    if report.skipped:
        SKIPPED.append(report.nodeid)


def pytest_sessionfinish(session, exitstatus):
    """A skipped test is a failure: jupyter_kernel_test skips what a kernel does not declare."""
    if SKIPPED and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
