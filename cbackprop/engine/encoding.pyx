"""How are a table's numbers encoded? Scaled, in pieces, and with a column more for holes: of many rows, or of one.

To the bit what `cbackprop.tabular.numbers` makes of one column after the other.
"""

from libc.math cimport sqrt

import numpy as np

from cbackprop.engine.block cimport Block

cdef double FAR = 1e100             # scaled numbers beyond are the same: their squares are numbers, too
cdef Py_ssize_t MANY = 1 << 14      # numbers, for which others need not wait


cdef inline double squashed(double z) noexcept nogil:
    """z / sqrt(1 + (z / 3)^2), 0 for NaN."""
    cdef double third
    if z != z:
        return 0.0
    z = min(max(z, -FAR), FAR)
    third = z / 3.0
    return z / sqrt(third * third + 1.0)


cdef class Encoding:
    """Columns side by side: scaled numbers, the pieces of each, and where there are holes.

    Parameters
    ----------
    centers, factors : arrays (n_columns,)
        Of the columns.
    sources, starts, steps, low, high : arrays (n_pieces,)
        Of each piece: its column, where it begins, how long it is, and between what its number is kept.
    with_holes : array (n_holes,)
        The columns that have one more beside them, which says where there is no number.
    """

    cdef const double* numbers[6]   # centers, factors, starts, steps, low, high
    cdef const Py_ssize_t* sources
    cdef const Py_ssize_t* with_holes
    cdef list blocks                # keeps the memory
    cdef Py_ssize_t n_columns
    cdef Py_ssize_t n_pieces
    cdef Py_ssize_t n_holes

    def __cinit__(self, centers, factors, sources, starts, steps, low, high, with_holes):
        cdef Block block
        cdef Py_ssize_t index
        self.n_columns, self.n_pieces, self.n_holes = len(centers), len(sources), len(with_holes)
        self.blocks = []
        given = [centers, factors, starts, steps, low, high]
        sizes = [self.n_columns] * 2 + [self.n_pieces] * 4
        for index in range(6):
            block = Block(np.array(given[index], dtype=np.float64), "numbers", "float64", 1)
            if block.length() != sizes[index]:
                raise ValueError(f"there must be {sizes[index]} of these numbers, got {block.length()}")
            self.numbers[index] = <const double*>block.view.buf
            self.blocks.append(block)
        self.sources = self.columns(sources)
        self.with_holes = self.columns(with_holes)

    cdef const Py_ssize_t* columns(self, given) except? NULL:
        cdef Block block = Block(np.array(given, dtype=np.intp), "columns", f"int{8 * sizeof(Py_ssize_t)}", 1)
        cdef const Py_ssize_t* numbers = <const Py_ssize_t*>block.view.buf
        cdef Py_ssize_t i
        for i in range(block.length()):
            if not 0 <= numbers[i] < self.n_columns:
                raise ValueError(f"columns must lie between 0 and {self.n_columns - 1}, got {numbers[i]}")
        self.blocks.append(block)
        return numbers

    def into(self, out, values):
        """Encode float64 values (n, n_columns), NaN for holes, into float32 rows (n, width).

        Returns False if one of the values is infinite: then only the rows before it are written.
        """
        cdef Block rows = Block(values, "values", "float64", 2), target = Block(out, "out", "float32", 2, True)
        cdef Py_ssize_t n = rows.length(), width = self.n_columns + self.n_pieces + self.n_holes
        if rows.length(1) != self.n_columns or target.length() != n or target.length(1) != width:
            raise ValueError(
                f"values and out must have the shapes {(n, self.n_columns)} and {(n, width)}, got "
                f"{(n, rows.length(1))} and {(target.length(), target.length(1))}")
        if n * width < MANY:
            return self.encode(<const double*>rows.view.buf, <float*>target.view.buf, n, width)
        with nogil:
            finite = self.encode(<const double*>rows.view.buf, <float*>target.view.buf, n, width)
        return finite

    cdef bint encode(self, const double* x, float* out, Py_ssize_t n, Py_ssize_t width) noexcept nogil:
        cdef Py_ssize_t _, j, column, last = -1
        cdef double z = 0.0
        for _ in range(n):
            for j in range(self.n_columns):
                if x[j] - x[j] != 0.0 and x[j] == x[j]:
                    return False
                out[j] = <float>squashed((x[j] - self.numbers[0][j]) * self.numbers[1][j])
            last = -1
            for j in range(self.n_pieces):
                column = self.sources[j]
                if column != last:
                    z = squashed((x[column] - self.numbers[0][column]) * self.numbers[1][column])
                    last = column
                out[self.n_columns + j] = <float>min(
                    max((z - self.numbers[2][j]) / self.numbers[3][j], self.numbers[4][j]), self.numbers[5][j])
            for j in range(self.n_holes):
                out[self.n_columns + self.n_pieces + j] = x[self.with_holes[j]] != x[self.with_holes[j]]
            x += self.n_columns
            out += width
        return True
