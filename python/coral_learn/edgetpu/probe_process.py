"""The program of the probe's process: runs one compiled model on an Edge TPU.

It may crash, and the process that started it waits for the result, so it imports as little as
possible: neither NumPy nor ctypes nor the rest of this package.
"""

import importlib
import sys

MODEL_READ = "model read"
"""The line of output after which a crash is not the model's fault."""

STATUS_NOT_OPENED = 3
"""The exit status if no device could be opened."""

STATUS_UNRESOLVED_OPERATOR = 4
"""The exit status if the delegate did not take over the model's operator."""


def main(runtime: str, library: str, device: str) -> int:
    """Runs the model on standard input, and returns the exit status.

    Args:
        runtime: The module with the interpreter.
        library: The path of libedgetpu.
        device: A device string; empty for any Edge TPU.
    """
    _disable_core_dump()
    interpreters = importlib.import_module(runtime)
    model = sys.stdin.buffer.read()
    interpreters.Interpreter(model_content=model)
    print(MODEL_READ, flush=True)
    try:
        delegate = interpreters.load_delegate(library, {"device": device} if device else {})
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return STATUS_NOT_OPENED
    interpreter = interpreters.Interpreter(model_content=model, experimental_delegates=[delegate])
    try:
        interpreter.allocate_tensors()
        interpreter.invoke()
    except RuntimeError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return STATUS_UNRESOLVED_OPERATOR if "unresolved custom op" in str(error) else 1
    return 0


def _disable_core_dump() -> None:
    if sys.platform != "win32":  # which writes none
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
