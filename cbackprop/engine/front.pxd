"""What stands before the first layer: A_0 is made of X column by column, and what that learns gets its gradient.

Pieces of A_0 are independent of one another: in a step's second half a thread takes some of them, and nothing is
reduced. Behind the pieces there may be one part more, a factor for every column of A_0.
"""

from cython cimport floating

from cbackprop.engine.leaves cimport column_sums, embed, embed_gradient, nodes
from cbackprop.engine.plan cimport CATEGORY, NUMBER, PERIODIC, PIECEWISE, Embedding


cdef struct Front:
    const Embedding* pieces
    Py_ssize_t n_pieces             # 0: X is A_0
    Py_ssize_t scaling              # where the factors start in the vector; -1 without
    Py_ssize_t width                # of A_0
    Py_ssize_t capacity             # rows of the blocks below
    const void* edges
    void* nodes                     # what the way forward looks up: of each piece where its parameters stand
    void* scratch                   # a part's gradient
    void* embedded                  # A_0 (capacity, width)
    void* deltas                    # D_0, the same shape
    void* unscaled                  # A_0 before the factors, then D_0 times it; where there are any
    void* places                    # (n_pieces, capacity): see vector/embeddings.h


cdef inline Py_ssize_t parameters_of(const Embedding* piece) noexcept nogil:
    """How many a piece learns."""
    if piece.kind == PIECEWISE:
        return (piece.size + 1) * piece.width
    if piece.kind == PERIODIC:
        return 2 * piece.size + (piece.size + 1) * (piece.width - 1)
    return piece.size * piece.width if piece.kind == CATEGORY else 0


cdef inline Py_ssize_t n_parts(const Front* front) noexcept nogil:
    """The pieces, and the factors, if there are any."""
    return front.n_pieces + (front.scaling >= 0)


cdef inline Py_ssize_t part_begin(const Front* front, Py_ssize_t index) noexcept nogil:
    """Where a part's parameters start in the vector."""
    return front.pieces[index].parameters if index < front.n_pieces else front.scaling


cdef inline Py_ssize_t part_size(const Front* front, Py_ssize_t index) noexcept nogil:
    return parameters_of(&front.pieces[index]) if index < front.n_pieces else front.width


cdef inline void make_nodes(const Front* front, const floating* parameters, Py_ssize_t index) noexcept nogil:
    """What the way forward looks up, after the part's parameters have changed."""
    cdef const Embedding* piece = &front.pieces[index]
    if index < front.n_pieces:
        nodes(piece, <const floating*>front.edges + piece.edges, parameters + piece.parameters,
              <floating*>front.nodes + piece.parameters)


cdef inline void make_inputs(
    const Front* front, const floating* parameters, const floating* x, Py_ssize_t ldx, Py_ssize_t start, Py_ssize_t m
) noexcept nogil:
    """Rows start ... start + m of A_0, made of rows x (m, ldx) of X."""
    cdef Py_ssize_t index, i, j
    cdef const Embedding* piece
    cdef floating* out = <floating*>front.embedded + start * front.width
    cdef floating* unscaled = <floating*>front.unscaled + start * front.width
    cdef const floating* factors = parameters + front.scaling
    for index in range(front.n_pieces):
        piece = &front.pieces[index]
        embed(piece, <const floating*>front.edges + piece.edges, parameters + piece.parameters,
              <const floating*>front.nodes + piece.parameters, x + piece.source, ldx, m,
              <floating*>front.places + index * front.capacity + start, out + piece.first, front.width)
    if front.scaling >= 0:
        for i in range(m):
            for j in range(front.width):
                unscaled[i * front.width + j] = out[i * front.width + j]
                out[i * front.width + j] *= factors[j]


cdef inline void through_scaling(
    const Front* front, const floating* parameters, Py_ssize_t start, Py_ssize_t m
) noexcept nogil:
    """Rows start ... start + m of D_0, come from the first layer, go back through the factors."""
    cdef Py_ssize_t i, j
    cdef floating* delta = <floating*>front.deltas + start * front.width
    cdef floating* unscaled = <floating*>front.unscaled + start * front.width
    cdef const floating* factors = parameters + front.scaling
    if front.scaling < 0:
        return
    for i in range(m):
        for j in range(front.width):
            unscaled[i * front.width + j] *= delta[i * front.width + j]
            delta[i * front.width + j] *= factors[j]


cdef inline void part_gradient(
    const Front* front, const floating* parameters, Py_ssize_t index, Py_ssize_t m, double scale, floating* out
) noexcept nogil:
    """The gradient of a part over m rows of the blocks, times scale."""
    cdef const Embedding* piece = &front.pieces[index]
    if index == front.n_pieces:
        column_sums(<const floating*>front.unscaled, out, m, front.width, front.width, scale, 0.0)
        return
    embed_gradient(piece, <const floating*>front.edges + piece.edges, parameters + piece.parameters,
                   <const floating*>front.places + index * front.capacity,
                   <const floating*>front.deltas + piece.first, front.width, m, scale, out)
