"""What torch raises gets the name that decides what happens next."""

import pytest
import torch

from callscope.errors import CallscopeError, DeviceLost, OutOfDeviceMemory, RecogniserFailed
from workers.recogniser.torch_engine import name_failure

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), OutOfDeviceMemory),
        (torch.AcceleratorError("CUDA error: out of memory"), OutOfDeviceMemory),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), OutOfDeviceMemory),
        (RuntimeError("NPU out of memory. Tried to allocate 52.00 MiB"), OutOfDeviceMemory),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory: you "
                "tried to allocate 4 bytes."
            ),
            OutOfDeviceMemory,
        ),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nMore"), DeviceLost),
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), DeviceLost),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"), DeviceLost),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), DeviceLost),
        (RuntimeError("synchronize:ts:361 NPU function error: Aclrt, error code is 507011"), DeviceLost),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), RecogniserFailed),
    ],
)
def test_memory_loss_and_anything_else_are_told_apart(error: RuntimeError, named: type[CallscopeError]) -> None:
    failure = name_failure(error, what="the recogniser")
    assert type(failure) is named
    assert failure.what.startswith("the recogniser ")
    assert failure.why == str(error).split("\n")[0]
