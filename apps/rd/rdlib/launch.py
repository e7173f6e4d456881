"""Runs one command and writes what it used, as JSON on standard output.

    python3 -I -S launch.py TIMEOUT LOG COMMAND...

A process of its own, because Linux counts the peak memory of a process from before exec: a command started by a
Python that holds arrays would show at least that Python's size. From here the floor is about 10 MB. Standard output
and standard error of the command go to LOG. Times are in seconds, memory is in KiB.
"""

import json
import os
import signal
import sys
import time


def main():
    timeout, log, command = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    begin = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        try:
            os.execvp(command[0], command)
        except OSError as e:
            os.write(2, f"{command[0]}: {e.strerror}\n".encode())
            os._exit(127)
    expired = []

    def stop(*_):
        expired.append(True)
        os.killpg(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    signal.setitimer(signal.ITIMER_REAL, 0)
    json.dump({"code": os.waitstatus_to_exitcode(status), "wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime,
               "peak_kib": usage.ru_maxrss, "timed_out": bool(expired)}, sys.stdout)


main()
