"""The memory of an array as compiled code takes it: of the right kind, and held for as long as it is needed."""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)


cdef class Block:
    """The memory of a C-contiguous array, held for as long as this object lives."""

    def __cinit__(self, array, str name, str kinds, int ndim, bint writable=False):
        cdef int flags = PyBUF_C_CONTIGUOUS
        if kinds != "struct":       # whose dtype has been compared; NumPy's format of it is slow to make
            flags |= PyBUF_FORMAT
        if writable:
            flags |= PyBUF_WRITABLE
        try:
            PyObject_GetBuffer(array, &self.view, flags)
        except (TypeError, ValueError, BufferError) as error:
            needed = "C-contiguous, writable" if writable else "C-contiguous"
            raise ValueError(f"{name} must be a {needed} array, got {type(array).__name__}: {error}") from None
        self.held = True
        self.name = name
        kind = self.kind() if flags & PyBUF_FORMAT else kinds
        if kind not in kinds:       # no kind is a part of another's name
            raise TypeError(f"{name} must be an array of {kinds.replace(' ', ' or ')}, got {kind}")
        if self.view.ndim != ndim:
            raise ValueError(f"{name} must have {ndim} dimension(s), got {self.view.ndim}")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef str kind(self):
        cdef bytes code = self.view.format
        if code == b"f":
            return "float32"
        if code == b"d":
            return "float64"
        if code in (b"i", b"l", b"q"):
            return "int32" if self.view.itemsize == 4 else "int64"
        return f"items of format {code.decode()!r}"

    cdef Py_ssize_t length(self, int axis=0):
        return self.view.shape[axis]

    cdef int check_kept(self) except -1:
        """An array's `resize(refcheck=False)` frees the memory although it is held here."""
        cdef Py_buffer now
        PyObject_GetBuffer(<object>self.view.obj, &now, PyBUF_SIMPLE)
        cdef bint kept = now.buf == self.view.buf and now.len == self.view.len
        cdef Py_ssize_t length = now.len
        PyBuffer_Release(&now)
        if not kept:
            raise ValueError(
                f"{self.name} must stay as it was given, {self.view.len} bytes where they were: it has been resized "
                f"since, to {length} bytes")
        return 0


cdef Block struct_block(array, dtype, str name, int ndim):
    if getattr(array, "dtype", None) != dtype:
        raise TypeError(f"{name} must be an array of {dtype}, got {getattr(array, 'dtype', type(array).__name__)}")
    return Block(array, name, "struct", ndim)
