// Programs that Python starts: CPython as WebAssembly has no fork, so its `subprocess` runs them by way of `node:child_process`,
// one at a time and to their end.

import { spawnSync } from "node:child_process";

/** Milliseconds that `spawnSync` takes for none. */
const NEVER = 0;

/**
 * Runs a program to its end.
 *
 * @param {string} request `{ argv, cwd?, env?, stdio, timeout }` as JSON; what `stdio` has is "pipe", "inherit" or "ignore".
 * @param {Uint8Array | undefined} input
 */
export function runProgram(request, input) {
  const { argv, cwd, env, stdio, timeout } = JSON.parse(request);
  const result = spawnSync(argv[0], argv.slice(1), {
    cwd,
    env,
    stdio,
    input: stdio[0] === "pipe" ? (input ?? new Uint8Array()) : undefined,
    timeout: timeout ?? NEVER,
    killSignal: "SIGKILL",
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  const error = result.error?.code;
  return {
    pid: result.pid,
    error: error === "ETIMEDOUT" ? undefined : error,
    isLate: error === "ETIMEDOUT",
    status: result.status ?? undefined,
    signal: result.signal ?? undefined,
    stdout: bytesOf(result.stdout),
    stderr: bytesOf(result.stderr),
  };
}

/** A view that is no `Buffer`, which Pyodide does not know. */
function bytesOf(buffer) {
  return buffer ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length) : undefined;
}

/** `subprocess.Popen` on that, for `_secure_exec`. */
export const PROCESSES = `
def patch_subprocess(subprocess):
    import errno, json, signal

    PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL

    class Popen:
        """A program that runs when it is waited for, when its output is asked for, or when its input ends."""

        def __init__(self, args, bufsize=-1, executable=None, stdin=None, stdout=None, stderr=None, preexec_fn=None,
                     close_fds=True, shell=False, cwd=None, env=None, universal_newlines=None, startupinfo=None,
                     creationflags=0, restore_signals=True, start_new_session=False, pass_fds=(), *, user=None, group=None,
                     extra_groups=None, encoding=None, errors=None, text=None, umask=-1, pipesize=-1, process_group=None):
            if preexec_fn is not None:
                raise OSError(errno.ENOTSUP, "preexec_fn needs fork, which there is not")
            if isinstance(args, (str, bytes, os.PathLike)):
                words = [os.fsdecode(args)]
            else:
                words = [os.fsdecode(word) for word in args]
            if shell:
                words = ["/bin/sh", "-c", *words]
            if executable is not None:
                words[0] = os.fsdecode(executable)
            if stderr == STDOUT:
                words = ["/bin/sh", "-c", 'exec "$0" "$@" 2>&1', *words]
            self.args, self.returncode = args, None
            self._words, self._cwd = words, None if cwd is None else os.fsdecode(cwd)
            self._env = None if env is None else {os.fsdecode(key): os.fsdecode(value) for key, value in env.items()}
            self._text = bool(text or universal_newlines or encoding or errors)
            self._encoding, self._errors = encoding or "utf-8", errors or "strict"
            self._targets = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
            self._pid, self._out = 0, {}
            self._check()
            self._ready = True
            self.stdin = Input(self) if stdin == PIPE else None
            if self.stdin is not None and self._text:
                self.stdin = io.TextIOWrapper(self.stdin, self._encoding, self._errors, write_through=True)

        def _check(self):
            name = self._words[0] if self._targets["stderr"] != STDOUT else self._words[3]
            import shutil
            path = self._env.get("PATH", os.defpath) if self._env is not None else None
            if self._cwd is not None and not os.path.isdir(self._cwd):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._cwd)
            place = os.path.join(self._cwd, name) if self._cwd and "/" in name else name
            if shutil.which(place, path=path) is None:
                number = errno.EACCES if os.path.exists(place) and "/" in name else errno.ENOENT
                raise OSError(number, os.strerror(number), name)

        def _input(self):
            target = self._targets["stdin"]
            if target == PIPE:
                stream = self.stdin.buffer if self._text else self.stdin
                return "pipe", bytes(stream.data)
            if target is None:
                return "inherit", None
            if target == DEVNULL:
                return "ignore", None
            if isinstance(target, int):
                with open(target, "rb", closefd=False) as file:
                    return "pipe", file.read()
            data = getattr(target, "buffer", target).read()
            return "pipe", data

        def _run(self, timeout=None):
            if self.returncode is not None:
                return
            kind, data = self._input()
            stdio = [kind]
            for name in ("stdout", "stderr"):
                target = self._targets[name]
                if target is None or (name == "stderr" and target == STDOUT):
                    stdio.append("inherit")
                else:
                    stdio.append("ignore" if target == DEVNULL else "pipe")
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            request = {
                "argv": self._words,
                "cwd": self._cwd or os.getcwd(),
                "env": dict(os.environ) if self._env is None else self._env,
                "stdio": stdio,
                "timeout": None if timeout is None else max(1, int(timeout * 1000)),
            }
            from pyodide.ffi import to_js
            result = machine.runProgram(json.dumps(request), None if data is None else to_js(data))
            if result.error is not None:
                number = getattr(errno, result.error, errno.EIO)
                raise OSError(number, os.strerror(number), self._words[0])
            self._pid = result.pid
            for name in ("stdout", "stderr"):
                got = getattr(result, name)
                data = b"" if got is None else got.to_bytes()
                target = self._targets[name]
                if target == PIPE:
                    self._out[name] = io.BytesIO(data)
                    if self._text:
                        self._out[name] = io.TextIOWrapper(self._out[name], self._encoding, self._errors)
                elif target is not None and target not in (STDOUT, DEVNULL):
                    self._write(target, data)
            if result.signal is not None:
                self.returncode = -int(getattr(signal, result.signal, 9))
            else:
                self.returncode = result.status
            if result.isLate:
                self.returncode = -9
                raise subprocess.TimeoutExpired(self.args, timeout, self._got("stdout"), self._got("stderr"))

        def _write(self, target, data):
            number = target if isinstance(target, int) else target.fileno()
            while data:
                data = data[os.write(number, data):]

        def _got(self, name):
            stream = self._out.get(name)
            if stream is None:
                return None
            return (stream.buffer if self._text else stream).getvalue() or None

        @property
        def stdout(self):
            return self._stream("stdout")

        @property
        def stderr(self):
            return self._stream("stderr")

        def _stream(self, name):
            if self._targets[name] != PIPE:
                return None
            self._run()
            return self._out[name]

        @property
        def pid(self):
            self._run()
            return self._pid

        def communicate(self, input=None, timeout=None):
            if self.stdin is not None and self.returncode is None:
                if input:
                    self.stdin.write(input)
            self._run(timeout)
            read = [self._out[name].read() if name in self._out else None for name in ("stdout", "stderr")]
            return read[0], read[1]

        def wait(self, timeout=None):
            self._run(timeout)
            return self.returncode

        def poll(self):
            self._run()
            return self.returncode

        def send_signal(self, sig):
            """A program that has not been waited for has not run, and does not any more."""
            if self.returncode is None:
                self.returncode = -int(sig)

        def kill(self):
            self.send_signal(9)

        def terminate(self):
            self.send_signal(15)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._run()

        def __del__(self):
            if self.__dict__.get("_ready") and self.returncode is None and not sys.is_finalizing():
                self._run()

        __class_getitem__ = classmethod(types.GenericAlias)

    class Input(io.RawIOBase):
        """What a program is given to read, which it has when it is closed."""

        def __init__(self, process):
            self.process, self.data = process, bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    Popen.__module__, Popen.__qualname__ = "subprocess", "Popen"
    subprocess.Popen = Popen


class Patches:
    """Loads the library's subprocess and has it use the machine's processes."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "subprocess":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name)
        execute = spec.loader.exec_module
        loader = types.SimpleNamespace(
            create_module=lambda spec: None,
            exec_module=lambda module: (execute(module), patch_subprocess(module)),
            get_source=spec.loader.get_source,
            get_code=spec.loader.get_code,
            is_package=spec.loader.is_package,
        )
        return importlib.machinery.ModuleSpec(name, loader, origin=spec.origin)
`;
