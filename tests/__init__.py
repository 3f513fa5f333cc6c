"""Set before anything is imported: threads, and what Ray reads once, when it is.

Two pytest workers with two threads each would be in each other's way on two cores. And a process
that imported Ray without a token, as on a machine that never ran it, offers none ever after.
"""

import os

from study.engine import environment

TOKEN = "a-token-of-these-tests-alone-" + "0" * 32
RAYS_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ.update(RAYS_TOKEN)
environment.prepare()
