"""The names of pycoral and of the packages around it, in every process of a script."""

import os
import sys
from pathlib import Path

import pytest
from tests.support.processes import run_python, write_files

pytestmark = pytest.mark.slow_when_emulated  # the result does not depend on the processor

EVERY_MODULE = """\
import importlib
import pycoral.adapters.common
import pycoral.utils.edgetpu as short
from pycoral import utils
from pycoral.adapters import classify, common
from pycoral.learn.backprop.softmax_regression import SoftmaxRegression
from pycoral.learn.imprinting.engine import ImprintingEngine
from pycoral.utils.dataset import read_label_file
import pycoral.pipeline.pipelined_model_runner
from pycoral.adapters import detect, segment
from pycoral.pybind._pywrap_coral import SetVerbosity
import coral_learn
assert SoftmaxRegression is coral_learn.SoftmaxRegression
assert ImprintingEngine is coral_learn.ImprintingEngine
assert SetVerbosity is short.set_verbosity
assert pycoral.__version__ == "2.0.0"
assert utils.edgetpu is short is importlib.import_module("pycoral.utils.edgetpu")
assert pycoral.adapters.common is common
assert pycoral.learn.backprop.softmax_regression.SoftmaxRegression is SoftmaxRegression
"""


@pytest.fixture
def googles_pycoral(tmp_path: Path) -> Path:
    """The layout of Google's package; a Python file stands for its compiled module."""
    return write_files(
        tmp_path,
        {
            "pycoral/__init__.py": "__version__ = '2.0.0'",
            "pycoral/pybind/__init__.py": "",
            "pycoral/pybind/_pywrap_coral.py": "",
            "pycoral/utils/__init__.py": "",
            "pycoral/utils/edgetpu.py": "owner = 'Google'",
            "pycoral/learn/__init__.py": "",
            "pycoral/learn/backprop/__init__.py": "",
            "pycoral/learn/backprop/softmax_regression.py": "SoftmaxRegression = 'Google'",
        },
    )


class TestInstall:
    def test_every_module_is_found(self) -> None:
        run_python("-c", "from coral_learn import install_as_pycoral as i; i()\n" + EVERY_MODULE)

    def test_a_second_call_has_no_effect(self) -> None:
        run_python(
            "-c",
            "import sys; from coral_learn import install_as_pycoral as i; i(); import pycoral\n"
            "before = dict(sys.modules); i(); assert dict(sys.modules) == before\n" + EVERY_MODULE,
        )

    def test_the_error_names_a_module_that_is_missing(self) -> None:
        done = run_python(
            "-c",
            "from coral_learn import install_as_pycoral as i; i(); import pycoral.adapters.pose",
            status=1,
        )
        assert "No module named 'pycoral.adapters.pose'" in done.stderr

    @pytest.mark.parametrize(
        ("statement", "words"),
        [
            ("import edgetpu.swig.edgetpu_cpp_wrapper", "there is no edgetpu.swig: it wraps C++"),
            (
                "from pycoral.pybind._pywrap_coral import TrainConfigWrapper",
                "use pycoral.learn.backprop.softmax_regression.SoftmaxRegression",
            ),
            ("from pycoral.pybind._pywrap_coral import Nothing", "cannot import name 'Nothing'"),
        ],
    )
    def test_the_error_says_what_cannot_be_and_why(self, statement: str, words: str) -> None:
        done = run_python(
            "-c", f"from coral_learn import install_as_pycoral as i; i(); {statement}", status=1
        )
        last_line = done.stderr.splitlines()[-1]
        assert last_line.startswith(("ImportError", "ModuleNotFoundError"))
        assert words in last_line

    @pytest.mark.parametrize("imported_before", [False, True])
    def test_googles_package_keeps_all_but_learn(
        self, googles_pycoral: Path, imported_before: bool
    ) -> None:
        imports = "import pycoral.utils.edgetpu, pycoral.learn.backprop.softmax_regression\n"
        run_python(
            "-c",
            (imports if imported_before else "")
            + "from coral_learn import SoftmaxRegression, install_as_pycoral as i; i(); i()\n"
            "import pycoral.learn.backprop.softmax_regression as ours\n"
            "from pycoral import learn\n"
            "from pycoral.utils.edgetpu import owner\n"
            "import pycoral\n"
            "assert ours.SoftmaxRegression is SoftmaxRegression\n"
            "assert learn is pycoral.learn and learn.backprop.softmax_regression is ours\n"
            "assert owner == 'Google' and pycoral.__version__ == '2.0.0'\n",
            path=googles_pycoral,
        )

    def test_googles_package_for_another_python_is_replaced(self, googles_pycoral: Path) -> None:
        compiled = googles_pycoral / "pycoral" / "pybind" / "_pywrap_coral.py"
        compiled.rename(compiled.with_name("_pywrap_coral.cpython-39-x86_64-linux-gnu.so"))
        run_python(
            "-c",
            "from coral_learn import install_as_pycoral as i; i()\n" + EVERY_MODULE,
            path=googles_pycoral,
        )

    @pytest.mark.parametrize("imported_before", [False, True])
    def test_the_coral_reef_tool_is_replaced(self, tmp_path: Path, imported_before: bool) -> None:
        reefs = write_files(
            tmp_path,
            {
                "pycoral/__init__.py": "from . import utils",
                "pycoral/utils/__init__.py": "reef = 1",
                "pycoral/reef.py": "",
            },
        )
        run_python(
            "-c",
            ("import pycoral.reef\n" if imported_before else "")
            + "from coral_learn import install_as_pycoral as i; i()\n"
            + EVERY_MODULE
            + "assert not hasattr(utils, 'reef')\n"
            "import sys; assert 'pycoral.reef' not in sys.modules\n",
            path=reefs,
        )

    def test_neither_a_runtime_nor_pillow_is_imported(self) -> None:
        run_python(
            "-c",
            "import sys; from coral_learn import install_as_pycoral as i; i()\n"
            "assert not {'ai_edge_litert', 'tflite_runtime', 'PIL'} & set(sys.modules)",
        )


USE_EVERY_NAME = """
from PIL import Image
import edgetpu.detection.engine, edgetpu.utils.dataset_utils, tflite_runtime.interpreter
from pycoral.adapters import detect
from pycoral.utils.dataset import read_label_file
assert Image.ANTIALIAS is Image.Resampling.LANCZOS
assert detect.BBox(0, 0, 2, 3).area == 6
assert tflite_runtime.interpreter.Interpreter and edgetpu.__version__
"""
WITH_MULTIPROCESSING = """
import multiprocessing, sys
{first}
def work(number):
{every_name}
    return number + 1

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    with context.Pool(1) as pool:
        print(pool.map(work, [1, 2]))
"""
WITH_SUBPROCESS = """
import subprocess, sys
{first}
subprocess.run([sys.executable, "worker.py"], check=True)
subprocess.run([sys.executable, "-c", "import pycoral.utils.edgetpu"], check=True)
"""
INSTALL = "from coral_learn import install_as_pycoral; install_as_pycoral()"


@pytest.mark.parametrize("way", ["runner", "function"])
class TestProcesses:
    def run(self, way: str, script: Path, folder: Path) -> str:
        command = ["-m", "coral_learn.pycoral", script] if way == "runner" else [script]
        with_path = f"import os; os.chdir({str(folder)!r})\n"
        script.write_text(with_path + script.read_text())
        return run_python(*command).stdout

    def test_the_process_itself(self, way: str, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text((INSTALL if way == "function" else "") + USE_EVERY_NAME)
        self.run(way, script, tmp_path)

    @pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
    def test_multiprocessing(self, way: str, method: str, tmp_path: Path) -> None:
        """A function of the script, which the other process must find, uses every name."""
        if sys.platform == "win32" and method != "spawn":
            pytest.skip(f"Windows has no {method}")
        script = tmp_path / "script.py"
        every_name = "".join(f"    {line}\n" for line in USE_EVERY_NAME.strip().splitlines())
        script.write_text(
            WITH_MULTIPROCESSING.format(
                first="" if way == "runner" else f"if __name__ == '__main__':\n    {INSTALL}",
                every_name=every_name,
                method=method,
            )
        )
        assert self.run(way, script, tmp_path) == "[2, 3]\n"

    def test_subprocess(self, way: str, tmp_path: Path) -> None:
        write_files(tmp_path, {"worker.py": USE_EVERY_NAME})
        script = tmp_path / "script.py"
        script.write_text(WITH_SUBPROCESS.format(first=INSTALL if way == "function" else ""))
        self.run(way, script, tmp_path)


class TestOtherPackages:
    """Packages that are installed are found before this one's."""

    @pytest.mark.parametrize("package", ["edgetpu", "tflite_runtime"])
    @pytest.mark.parametrize("layout", ["package", "module"])
    def test_a_package_of_this_name_stays(self, package: str, layout: str, tmp_path: Path) -> None:
        file = f"{package}/__init__.py" if layout == "package" else f"{package}.py"
        write_files(tmp_path, {file: "owner = 'mine'"})
        run_python(
            "-c", f"{INSTALL}; import {package} as p; assert p.owner == 'mine'", path=tmp_path
        )

    @pytest.mark.parametrize(
        ("package", "compiled"),
        [
            ("edgetpu", "swig/_edgetpu_cpp_wrapper.cpython-37m-x86_64-linux-gnu.so"),
            ("tflite_runtime", "_pywrap_tensorflow_interpreter_wrapper.cpython-39-x86_64.so"),
        ],
    )
    def test_googles_package_for_another_python_is_replaced(
        self, package: str, compiled: str, tmp_path: Path
    ) -> None:
        files = {"__init__.py": "owner = 'Google'", "swig/__init__.py": "", compiled: ""}
        write_files(tmp_path, {f"{package}/{name}": text for name, text in files.items()})
        run_python(
            "-c", f"{INSTALL}; import {package} as p; assert not hasattr(p, 'owner')", path=tmp_path
        )

    def test_a_folder_of_models_is_not_a_package(self, tmp_path: Path) -> None:
        write_files(tmp_path, {"edgetpu/model.txt": ""})
        run_python("-c", f"{INSTALL}; import edgetpu.basic.edgetpu_utils", path=tmp_path)

    def test_the_systems_own_customization_still_runs(self, tmp_path: Path) -> None:
        write_files(tmp_path, {"sitecustomize.py": "import builtins; builtins.ran = 1"})
        run_python(
            "-c",
            f"{INSTALL}; import subprocess, sys\n"
            "code = 'import pycoral.utils.edgetpu; assert ran == 1'\n"
            "subprocess.run([sys.executable, '-c', code], check=True)\n",
            path=tmp_path,
        )

    def test_another_python_without_this_package_is_left_alone(self) -> None:
        done = run_python(
            "-c",
            f"{INSTALL}; import os, subprocess, sys\n"
            "path = os.environ['PYTHONPATH'].split(os.pathsep)[0]\n"
            "code = 'import sitecustomize, sys; print(sys.meta_path[0].__name__)'\n"
            "command = [sys.executable, '-S', '-c', code]\n"
            "environment = os.environ | {'PYTHONPATH': path}\n"
            "subprocess.run(command, env=environment, check=True)\n",
        )
        assert (done.stdout, done.stderr) == ("BuiltinImporter\n", "")

    def test_pillows_module_keeps_its_own_loader(self) -> None:
        run_python(
            "-c",
            f"{INSTALL}; import inspect; from PIL import Image\n"
            "assert Image.__spec__.loader is Image.__loader__\n"
            "assert 'def open(' in inspect.getsource(Image)\n"
            "import importlib; assert importlib.reload(Image).ANTIALIAS == Image.LANCZOS\n",
        )


def test_the_variable_of_the_path_keeps_its_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), "/a"]))
    )
    done = run_python("-c", f"{INSTALL}; {INSTALL}; import os; print(os.environ['PYTHONPATH'])")
    folders = done.stdout.strip().split(os.pathsep)
    assert folders[-1] == "/a"
    assert sum(folder.endswith("startup") for folder in folders) == 1
    assert Path(folders[0], "sitecustomize.py").is_file()
