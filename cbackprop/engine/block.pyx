"""The memory of an array as compiled code takes it: of the right kind, and held for as long as it is needed."""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)

import sys

from cbackprop.engine cimport leaves

# How a format writes this machine's byte order where it writes one: "!" is the network's, the big end first.
cdef char NATIVE = c"<" if sys.byteorder == "little" else c">"
cdef char NATIVE_TOO = c"<" if sys.byteorder == "little" else c"!"


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
        # On 32 bits a double may stand at multiples of 4.
        cdef size_t step = min(self.view.itemsize, <Py_ssize_t>sizeof(void*))
        if flags & PyBUF_FORMAT and self.view.len and <size_t>self.view.buf % step:
            raise ValueError(f"{name} must be an aligned array, its {kind} items at multiples of their size")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef str kind(self):
        """The dtype's name. A byte order may be written before the letter, and one size have several letters."""
        cdef const char* code = self.view.format
        cdef Py_ssize_t size = self.view.itemsize
        if code == NULL:            # bytes, says the protocol
            code = b"B"
        if code[0] in (c"@", c"=", c"^", NATIVE, NATIVE_TOO):
            code += 1
        if code[0] != 0 and code[1] == 0:
            if code[0] in (c"f", c"d", c"g"):           # "g" is a long double, on some platforms a double
                if size == 4:
                    return "float32"
                if size == 8:
                    return "float64"
            elif code[0] in (c"i", c"l", c"q", c"n"):
                if size == 4:
                    return "int32"
                if size == 8:
                    return "int64"
        return f"items of format {self.view.format.decode()!r}" if self.view.format != NULL else "bytes"

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


def all_finite(x):
    """Whether a C-contiguous float array holds neither NaN nor infinity."""
    cdef Block block = Block(x, "x", "float32 float64", x.ndim)
    cdef Py_ssize_t n = block.view.len // block.view.itemsize
    cdef bint finite
    with nogil:
        if block.view.itemsize == 4:
            finite = leaves.all_finite(<const float*>block.view.buf, n)
        else:
            finite = leaves.all_finite(<const double*>block.view.buf, n)
    return finite
