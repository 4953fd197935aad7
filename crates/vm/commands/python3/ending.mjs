// How an interpreter ends, in Python: a part of the module `_secure_exec`.

export const ENDING = String.raw`
import atexit, gc, weakref

# The standard streams, where they are ours.
streams = []

# Py_TPFLAGS_HAVE_GC.
HAS_COLLECTOR = 1 << 14

# Objects from which on looking at all of them takes as long as freeing them.
MANY = 200_000

# Types of these do something when they are freed, and have no __del__.
UNKNOWN = ("_ctypes", "mmap")

# What a class says of itself, without a word of a metaclass of the program's.
mro_of = type.__dict__["__mro__"].__get__
names_of = type.__dict__["__dict__"].__get__
flags_of = type.__dict__["__flags__"].__get__

# Where functions that weak references call are from the library's own tables of them.
TABLES = {table.__init__.__code__.co_filename for table in (weakref.WeakValueDictionary, weakref.WeakSet)}


def finish():
    """Tells the machine of a KeyboardInterrupt that nobody caught."""
    if isinstance(getattr(sys, "last_exc", None), KeyboardInterrupt):
        machine.interrupted()


def prepare_end():
    """Called by Py_FinalizeEx behind all that the program has for atexit, being the first that was registered: objects of the snapshot
    are frozen, so the end looks for circles among the program's only, unless it could matter."""
    try:
        if is_quiet():
            return
    except BaseException:
        # Of memory, or of what the program has put into the library's place.
        pass
    gc.unfreeze()


def is_quiet():
    """Whether no object that has come to be since the snapshot does anything when it is freed, so that nobody can tell how the end
    frees them."""
    if sys.stdin is not streams[0] or sys.stdout is not streams[1] or sys.stderr is not streams[2]:
        return False
    if machine.hasLibraries():
        # Objects of machine code from wheels may do so unseen.
        return False
    if any(name in sys.modules for name in UNKNOWN):
        return False
    objects = gc.get_objects()
    if len(objects) > MANY:
        return False
    own = {id(part): type(part) for stream in streams for part in layers(stream)}
    kinds = set(map(type, objects))
    classes = {kind for kind in kinds if issubclass(kind, type)}
    references = {kind for kind in kinds if issubclass(kind, weakref.ref)}
    if any(has_end(kind) for kind in kinds.difference(own.values())):
        return False
    looked_at = {*classes, *references, *own.values()}
    for item in objects:
        kind = type(item)
        if kind not in looked_at:
            continue
        if kind in references:
            # Of a class of the program's the call is its own.
            if kind not in (weakref.ref, weakref.KeyedRef) or not is_known(item.__callback__):
                return False
        elif kind in classes:
            # Of an object with nothing but its type the collector knows nothing.
            if not flags_of(item) & HAS_COLLECTOR and has_end(item):
                return False
        elif id(item) not in own:
            return False
    return True


def layers(stream):
    """The objects that a standard stream consists of."""
    yield stream
    try:
        buffer = stream.buffer
    except ValueError:
        # Detached: the program has it.
        return
    yield buffer
    if hasattr(buffer, "raw"):
        yield buffer.raw


def has_end(kind):
    """Whether objects of a type do something when they are freed. Types of C's that do so have a __del__ as well."""
    return any("__del__" in names_of(base) for base in mro_of(kind))


def is_known(callback):
    """Whether what a weak reference calls is nothing, or a function of the library's own that removes it from a table."""
    if callback is None or type(callback) is types.BuiltinFunctionType:
        return True
    return type(callback) is types.FunctionType and callback.__code__.co_filename in TABLES
`;
