"""The interpreter of LiteRT, under the name that scripts for tflite-runtime import."""

from ai_edge_litert.interpreter import Delegate, Interpreter, OpResolverType, load_delegate

__all__ = ["Delegate", "Interpreter", "OpResolverType", "load_delegate"]
