"""The examples of Hypothesis, the threads of numerics, and the distribution of tests over processes.

Hypothesis tries the examples of the profile `ci`, unless `--hypothesis-profile=nightly` asks for more.
"""

import gc
import os

from hypothesis import HealthCheck, settings

# Test processes use all cores already. Threads of BLAS and PyTorch would spin while they wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch are imported

# what is imported and collected stays to the end: searching it for garbage takes a third of the collection
gc.disable()

# folders whose tests share a service, a browser or a process
TOGETHER = ("browser/site", "browser", "docs", "verifier/cli/bundles")

# folders with the longest files, which no process should begin last
LONGEST = ("docs", "browser", "verifier/cli", "verifier/testing", "api/batches")

settings.register_profile(
    "ci",
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no mistake
)
settings.register_profile("nightly", settings.get_profile("ci"), max_examples=500, derandomize=False)
settings.load_profile("ci")


def pytest_collection_modifyitems(items):
    folders = tuple(f"tests/{name}/" for name in LONGEST)
    items.sort(key=lambda item: not item.nodeid.startswith(folders))


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def pytest_xdist_make_scheduler(config, log):
    """Return a scheduler that gives one process all tests of a file, or of a folder with costly fixtures."""
    from xdist.scheduler import LoadFileScheduling  # absent where the tests run in one process

    class BySharedFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid):
            folder = next((name for name in TOGETHER if nodeid.startswith(f"tests/{name}/")), None)
            return folder or super()._split_scope(nodeid)

    return BySharedFixtures(config, log)
