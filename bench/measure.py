"""Wall time and largest memory of a command: `python bench/measure.py make quickstart`."""

import resource
import subprocess
import sys
import time


def main() -> int:
    """Run the command, say what it cost, and pass on its exit status."""
    started = time.perf_counter()
    status = subprocess.run(sys.argv[1:]).returncode
    wall_s = time.perf_counter() - started
    # Of the largest of its processes, in KiB on Linux.
    memory_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{' '.join(sys.argv[1:])}: {wall_s:.0f} s, largest process {memory_kib / 1024:.0f} MiB")
    return status


if __name__ == "__main__":
    sys.exit(main())
