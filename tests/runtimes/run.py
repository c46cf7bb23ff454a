"""Runs a component's `wasi:cli/run` in Python's wasmtime: run.py COMPONENT [ARGUMENT ...]"""

import os
import sys

from wasmtime import Engine, ExitTrap, Store, WasiConfig
from wasmtime.component import Component, Linker


def exported(component, interface, name, argv):
    """A function of a component in an instance of its own, and the store that it is called with."""
    engine = Engine()
    store = Store(engine)
    wasi = WasiConfig()
    wasi.argv = argv
    wasi.env = list(os.environ.items())
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store.set_wasi(wasi)
    store.set_wasi_http()
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    instance = linker.instantiate(store, Component.from_file(engine, component))
    interface = instance.get_export_index(store, interface)
    return instance.get_func(store, instance.get_export_index(store, name, interface)), store


def main():
    run, store = exported(sys.argv[1], "wasi:cli/run@0.2.0", "run", sys.argv[1:])
    try:
        sys.exit(0 if run(store).tag == "ok" else 1)
    except ExitTrap as exit:
        sys.exit(exit.code)


if __name__ == "__main__":
    main()
