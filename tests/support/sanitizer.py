"""The sanitizer that the gateway may be built with: what a Python is started with for it. Python brings none, so its
runtime is loaded before everything else."""
import os
from pathlib import Path

from source_tree import ROOT

BINARY = Path(os.environ.get("EDGE_BIN", ROOT / "build" / "release" / "edge"))
BUILD = Path(os.environ.get("EDGE_BUILD", BINARY.parent))
RUNTIME = BUILD / "sanitizer.so"                        # a link, which the build makes

SANITIZED = {
    "LD_PRELOAD": os.path.realpath(RUNTIME), "PYTHONMALLOC": "malloc",
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1",    # what Python leaks is not ours
} if RUNTIME.exists() else {}
