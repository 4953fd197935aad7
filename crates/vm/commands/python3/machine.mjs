// What the interpreter is told of the machine, in Python: the module `_secure_exec`.

export const MACHINE = String.raw`
import importlib, importlib.machinery, io, linecache, os, runpy, sys, time, traceback, types

WHEELS = "/usr/lib/pyodide-packages"
machine = None


def attach(services):
    """Takes the functions of the machine, which a snapshot of memory cannot hold."""
    global machine
    machine = services


def configure(env, argv, orig_argv, buffered, writes_bytecode, terminals):
    """What CPython takes from its environment when it starts."""
    os.environ.clear()
    os.environ.update(env)
    sys.argv[:] = argv
    sys.orig_argv[:] = orig_argv
    sys.dont_write_bytecode = not writes_bytecode
    prepare()
    for at, path in enumerate(filter(None, env.get("PYTHONPATH", "").split(":"))):
        sys.path.insert(at, os.path.abspath(path))
    if "random" in sys.modules:
        sys.modules["random"].seed()
    sys.stdin = sys.__stdin__ = stream(0, "<stdin>", "r", buffered, terminals)
    sys.stdout = sys.__stdout__ = stream(1, "<stdout>", "w", buffered, terminals)
    sys.stderr = sys.__stderr__ = stream(2, "<stderr>", "w", buffered, terminals)
    streams[:] = [sys.stdin, sys.stdout, sys.stderr]
    atexit.register(prepare_end)


def prepare():
    """What is so in every interpreter: no entry of Pyodide's in the path, and its functions on the machine."""
    sys.path[:] = [path for path in sys.path if path != ""]
    if "subprocess" in sys.modules:
        patch_subprocess(sys.modules["subprocess"])
    else:
        sys.meta_path.insert(0, Patches)
    sys.meta_path.append(Wheels)
    time.sleep = sleep


def stream(fd, name, mode, buffered, terminals):
    """One of the three standard streams, as create_stdio of CPython makes it."""
    terminal = terminals[fd]
    raw = io.FileIO(fd, mode + "b", closefd=False)
    raw.name = name
    writes = mode == "w"
    if not writes:
        buffer = io.BufferedReader(raw)
    else:
        buffer = io.BufferedWriter(raw) if buffered else raw
    text = io.TextIOWrapper(
        buffer,
        encoding="utf-8",
        errors="backslashreplace" if fd == 2 else "strict",
        newline="\n" if writes else None,
        line_buffering=writes and (terminal or fd == 2),
        write_through=writes and not buffered,
    )
    text.mode = mode
    return text


def sleep(seconds, /):
    if not isinstance(seconds, (int, float)) and not hasattr(seconds, "__index__") and not hasattr(seconds, "__float__"):
        raise TypeError(f"'{type(seconds).__name__}' object cannot be interpreted as an integer")
    seconds = float(seconds)
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    sys.audit("time.sleep", seconds)
    if machine.sleep(seconds):
        raise KeyboardInterrupt


class Wheels:
    """Finds what is not installed in the wheels of a folder, and unpacks the one that has it."""

    index = None

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is not None:
            return None
        if cls.index is None:
            cls.index = cls.read()
        wheel = cls.index.pop(name, None)
        if wheel is None:
            return None
        cls.unpack(wheel)
        return importlib.machinery.PathFinder.find_spec(name)

    @classmethod
    def read(cls):
        """The wheels by the names that they have modules of."""
        index = {}
        try:
            names = sorted(os.listdir(WHEELS))
        except OSError:
            return index
        import json, zipfile
        packages = {}
        if "pyodide-lock.json" in names:
            with open(f"{WHEELS}/pyodide-lock.json", encoding="utf-8") as file:
                packages = json.load(file)["packages"]
        listed = set()
        for package in packages.values():
            file = package.get("file_name")
            if file in names and package.get("package_type") == "package":
                listed.add(file)
                for name in package.get("imports", []):
                    index.setdefault(name.partition(".")[0], file)
        for file in names:
            if file.endswith(".whl") and file not in listed:
                try:
                    with zipfile.ZipFile(f"{WHEELS}/{file}") as archive:
                        members = archive.namelist()
                except (OSError, zipfile.BadZipFile) as error:
                    # One that is broken keeps no other from being imported.
                    print(f"python3: {file} is no wheel: {error}", file=sys.stderr)
                    continue
                for member in members:
                    top = member.partition("/")[0]
                    if not top.endswith((".dist-info", ".data")):
                        index.setdefault(top.partition(".")[0], file)
        return index

    @classmethod
    def unpack(cls, wheel):
        import zipfile
        from pyodide._package_loader import SITE_PACKAGES
        with zipfile.ZipFile(f"{WHEELS}/{wheel}") as archive:
            archive.extractall(SITE_PACKAGES)
        importlib.invalidate_caches()


def call(directory):
    """The program of rt.python.run: inputs become globals, and the last expression's value is kept for the host."""
    import ast, json
    with open(f"{directory}/request", encoding="utf-8") as file:
        request = json.load(file)
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if not name.startswith("__")]:
        del main[name]
    main.update({name: received(value) for name, value in request["inputs"].items()})
    code, name = request["code"], "<string>"
    linecache.cache[name] = (len(code), None, [line + "\n" for line in code.split("\n")], name)
    try:
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec", dont_inherit=True), main)
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval", dont_inherit=True), main)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        own = error.__traceback__
        error.__traceback__ = own.tb_next if own else None
        if isinstance(error, SyntaxError) and error.filename == name:
            error.__traceback__ = None
        sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(1) from None
    try:
        answer = {"value": sent(value, "the value", [])}
    except (TypeError, ValueError, RecursionError) as error:
        answer = {"refused": str(error)}
    with open(f"{directory}/answer", "w", encoding="utf-8", errors="surrogatepass") as file:
        json.dump(answer, file)


def received(value):
    if isinstance(value, list):
        return [received(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "bytes" in value:
        import base64
        return base64.b64decode(value["bytes"])
    if "integer" in value:
        return int(value["integer"])
    if "float" in value:
        return float(value["float"])
    return {key: received(item) for key, item in value["object"]}


def sent(value, where, parents):
    """A value for the host; what it is called in errors is where it is."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**53 else {"integer": str(int(value))}
    if isinstance(value, float):
        return float(value) if value - value == 0 else {"float": str(float(value))}
    if isinstance(value, (bytes, bytearray, memoryview)):
        import base64
        return {"bytes": base64.b64encode(value).decode()}
    if id(value) in parents:
        raise ValueError(f"{where} holds itself")
    below = [*parents, id(value)]
    if len(below) > 200:
        raise ValueError(f"{where} is nested more than 200 deep")
    if isinstance(value, (list, tuple)):
        return [sent(item, f"{where}[{at}]", below) for at, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}, which is not a str")
        return {"object": [[key, sent(item, f"{where}[{key!r}]", below)] for key, item in value.items()]}
    item = getattr(value, "tolist", None)
    if callable(item) and type(value).__module__ == "numpy":
        return sent(item(), where, below)
    raise TypeError(f"{where} is of the type {type(value).__qualname__}, which has no counterpart in JavaScript")
`;
