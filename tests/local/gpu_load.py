"""A load that is known: a GPU that works without a pause, and holds so much memory.

Runs as a program, by the driver's own interface, so that it needs no library for arrays.
Source: the CUDA driver API (cuda.h) and PTX ISA 6.0.
"""

from __future__ import annotations

import ctypes
import sys
import time

#: One thread that spins for a number of cycles: the GPU counts as busy while a kernel runs.
_PTX = b"""
.version 6.0
.target sm_50
.address_size 64
.visible .entry spin(.param .u64 cycles)
{
    .reg .pred %again;
    .reg .u64 %start, %now, %limit;
    ld.param.u64 %limit, [cycles];
    mov.u64 %start, %clock64;
LOOP:
    mov.u64 %now, %clock64;
    sub.u64 %now, %now, %start;
    setp.lt.u64 %again, %now, %limit;
    @%again bra LOOP;
    ret;
}
"""
#: About a tenth of a second. [1]
_CYCLES = 150_000_000


def work(seconds: float, n_bytes: int) -> None:
    """Keep the first GPU busy for so long [s], with so much of its memory held [bytes]."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *arguments: object) -> None:
        code = getattr(cuda, name)(*arguments)
        if code:
            message = f"{name} gave {code}"
            raise RuntimeError(message)

    device, context = ctypes.c_int(), ctypes.c_void_p()
    memory, module, kernel = ctypes.c_uint64(), ctypes.c_void_p(), ctypes.c_void_p()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
    call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(n_bytes))
    call("cuModuleLoadData", ctypes.byref(module), _PTX)
    call("cuModuleGetFunction", ctypes.byref(kernel), module, b"spin")
    cycles = ctypes.c_uint64(_CYCLES)
    parameters = (ctypes.c_void_p * 1)(ctypes.addressof(cycles))
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        # Two in a row, so that there is always one.
        for _ in range(2):
            call("cuLaunchKernel", kernel, 1, 1, 1, 1, 1, 1, 0, None, parameters, None)
        call("cuCtxSynchronize")


if __name__ == "__main__":
    work(float(sys.argv[1]), int(sys.argv[2]))
