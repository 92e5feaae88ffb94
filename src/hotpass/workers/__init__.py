"""Work in processes of their own, without credentials, within limits of time and memory.

For gates that load other people's models, and for whatever else must not run in the process that may hold the
database password. A module that does such work calls `serve`:

    # my_plugin/work.py
    from hotpass.workers import serve

    def work(job):
        return {"rows": count(job["file"])}

    if __name__ == "__main__":
        serve(work)

and the gate starts it:

    run("my_plugin.work", {"file": …}, folder=candidate.scratch(), limits=Limits(600, 2 << 30))

What a worker cannot do:

- read the environment of whoever started it: it has one of its own, made from a short list of names (paths,
  language, time zone, threads), with its own home, its own temporary and its own working folder, which are
  removed behind it;
- run on past its time, or leave processes behind: all that it started are ended with it (on Linux also those
  that went into a session of their own, and those that killed whoever was to end them);
- take more memory than it may, where the system keeps such a limit (Linux does): each of its processes is
  counted alone. What it writes into files is not counted, also where they lie in memory (memfd, /dev/shm);
  each file may have as many bytes as the limit of memory, or 4 GiB where that is less, and the number of
  files is not limited. Nor is memory that processes share: it may have the limit and 4 GiB more;
- mix what it prints with its answer: its answer travels by a way of its own, and what it prints is kept for
  messages;
- answer without end, or gain rights through a program that grants them.

What it can do, since it runs as the same user: read and write the files that this user may, use the network,
and read the environment of other processes of this user. While a worker runs, Linux keeps it from reading
this process's memory and environment, unless it is root with the right to trace. Where it cannot be told
whether all that a worker started has ended (this process may gain no rights itself and has a limit of
processor time, or /proc hides processes) and the worker died of a signal, this process stays private to its
end. While a worker runs, this process adopts what other children of its leave behind, too; it neither ends
nor reaps those. More takes a sandbox of the
operating system: run Hotpass's server as a user of its own, or in a container without network.
"""

from hotpass.workers.child import job, serve, streams
from hotpass.workers.kernel import memory_limit
from hotpass.workers.parent import Limits, Worker, WorkerFailed, run, size_text, start

__all__ = [
    "Limits", "Worker", "WorkerFailed", "job", "memory_limit", "run", "serve", "size_text", "start",
    "streams",
]  # fmt: skip
