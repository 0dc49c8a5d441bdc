"""Wall and CPU time and largest memory of a command: `python bench/measure.py make quickstart`."""

import resource
import subprocess
import sys
import time


def main() -> int:
    """Run the command, say what it cost, and pass on its exit status."""
    started = time.perf_counter()
    status = subprocess.run(sys.argv[1:]).returncode
    wall_s = time.perf_counter() - started
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = spent.ru_utime + spent.ru_stime  # of all its processes, unlike the memory
    memory_mib = spent.ru_maxrss / 1024  # KiB on Linux
    print(f"{' '.join(sys.argv[1:])}: {wall_s:.0f} s, {cpu_s:.0f} s of a processor,"
          f" largest process {memory_mib:.0f} MiB")  # fmt: skip
    return status


if __name__ == "__main__":
    sys.exit(main())
