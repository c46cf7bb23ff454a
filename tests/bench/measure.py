"""Runs commands in turn and reports the median of their wall time and of their largest resident memory."""
import os
import statistics
import subprocess
import time


def once(command, environment):
    """Seconds and MB of one run of `command`, its whole process from start to exit."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"{command} failed:\n{errors.decode()}")
    return seconds, usage.ru_maxrss / 1024


def serve(command, environment):
    """Starts one of our servers; gives the process and the address that it prints."""
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        if "http://" in line:
            return server, "http://" + line.split("http://")[1].split()[0].split("/")[0]
    raise SystemExit(f"{command} did not start")


def compare(cases, runs):
    """Prints a line for each (name, command, environment); the runs take turns, after one to warm up."""
    figures = {name: [] for name, _, _ in cases}
    for turn in range(runs + 1):
        for name, command, environment in cases:
            figure = once(command, environment)
            if turn:
                figures[name].append(figure)
    print(f"median of {runs} runs, taking turns")
    for name, measured in figures.items():
        milliseconds = statistics.median(seconds for seconds, _ in measured) * 1000
        megabytes = statistics.median(memory for _, memory in measured)
        print(f"{name:<50} {milliseconds:9.1f} ms {megabytes:8.1f} MB")
    return figures
