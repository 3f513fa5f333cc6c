"""Set before anything is imported: threads, and what Ray reads when it is.

Two pytest workers with two threads each would be in each other's way on two cores.
"""

import os

from study.engine import environment

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
environment.prepare()
