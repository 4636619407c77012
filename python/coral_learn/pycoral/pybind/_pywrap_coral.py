"""The functions of pycoral's compiled module, which some scripts import from there."""

from typing import NoReturn

from ...edgetpu.devices import list_edge_tpus
from ...edgetpu.library import get_runtime_version, set_verbosity
from ...edgetpu.native_handle import (
    invoke_with_bytes,
    invoke_with_dmabuffer,
    invoke_with_membuffer,
    supports_dmabuf,
)

__all__ = [
    "GetRuntimeVersion",
    "InvokeWithBytes",
    "InvokeWithDmaBuffer",
    "InvokeWithMemBuffer",
    "ListEdgeTpus",
    "SetVerbosity",
    "SupportsDmabuf",
]

GetRuntimeVersion = get_runtime_version
InvokeWithBytes = invoke_with_bytes
InvokeWithDmaBuffer = invoke_with_dmabuffer
InvokeWithMemBuffer = invoke_with_membuffer
ListEdgeTpus = list_edge_tpus
SetVerbosity = set_verbosity
SupportsDmabuf = supports_dmabuf

_PUBLIC_CLASSES = {
    "ImprintingEnginePythonWrapper": "pycoral.learn.imprinting.engine.ImprintingEngine",
    "PipelinedModelRunnerWrapper": "pycoral.pipeline.pipelined_model_runner.PipelinedModelRunner",
    "SoftmaxRegressionModelWrapper": "pycoral.learn.backprop.softmax_regression.SoftmaxRegression",
    "TrainConfigWrapper": "pycoral.learn.backprop.softmax_regression.SoftmaxRegression",
    "TrainingDataWrapper": "pycoral.learn.backprop.softmax_regression.SoftmaxRegression",
}


def __getattr__(name: str) -> NoReturn:
    if name in _PUBLIC_CLASSES:
        raise ImportError(
            f"pycoral.pybind._pywrap_coral.{name} wraps C++ code that coral-learn does not have: "
            f"use {_PUBLIC_CLASSES[name]}"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
