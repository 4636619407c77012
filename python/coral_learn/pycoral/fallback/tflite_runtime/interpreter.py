"""The interpreter, under the name that scripts written for tflite-runtime import."""

from ai_edge_litert.interpreter import Delegate, Interpreter, OpResolverType, load_delegate

__all__ = ["Delegate", "Interpreter", "OpResolverType", "load_delegate"]
