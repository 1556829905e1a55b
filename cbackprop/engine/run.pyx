"""The engine's only door: arrays in, everything checked, then compiled loops without the GIL.

A `Task` is built once, from a plan, a vector of parameters and data, and executed many times. It holds on to the
arrays' memory, so that nothing can move or free it, and to the workspace. Whatever could fail is checked here, before
a loop runs; the loops themselves cannot fail.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.limits cimport INT_MAX
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint64_t

import numpy as np

from cbackprop.engine cimport passes, rehearsal, steps
from cbackprop.engine.block cimport Block, struct_block
from cbackprop.engine.front cimport n_parts, part_size
from cbackprop.engine.given cimport check_rates, take_numbers
from cbackprop.engine.masks cimport masks_of
from cbackprop.engine.ranges cimport check_rows
from cbackprop.engine.plan cimport (
    MOMENTUM, N_OPTIMIZERS, N_OUTPUTS, OPTIMIZER_ROWS, OUTPUT_ROWS, PARAMETERS_EACH, SGD, TARGETS_LABELS,
    Embedding, Layer, Rule,
)
from cbackprop.engine.own cimport UsersLoss
from cbackprop.engine.rows cimport check_embeddings, check_plan
from cbackprop.engine.team cimport TEAM_LARGEST, TeamBarrier, TeamMeeting, team_begin, team_break, team_crowd
from cbackprop.engine.workspace cimport workspace_size

from cbackprop.engine.block import all_finite
from cbackprop.engine.rows import (
    ACTIVATIONS, EMBEDDING, EMBEDDINGS, LAYER, LOSS_PARAMETERS, OPTIMIZERS, OUTPUTS, RULE, SLOPES, STATE_VECTORS,
)

__all__ = [
    "ACTIVATIONS", "EMBEDDING", "EMBEDDINGS", "LAYER", "LOSS_PARAMETERS", "MOST_THREADS", "OPTIMIZERS", "OUTPUTS",
    "RULE", "SLOPES", "STATE_VECTORS", "Task", "Barrier", "all_finite",
]

MOST_THREADS = TEAM_LARGEST       # of a team


cdef class Barrier:
    """A barrier for `size` threads that train one task together, in squads that share rows."""

    cdef TeamBarrier barrier
    cdef TeamMeeting* squads
    cdef readonly Py_ssize_t size
    cdef readonly Py_ssize_t squad_size
    cdef readonly bint crowded
    cdef readonly bint broken

    def __cinit__(self, Py_ssize_t size, Py_ssize_t squad_size=1):
        if not 1 <= size <= TEAM_LARGEST:
            raise ValueError(f"a team must have between 1 and {TEAM_LARGEST} threads, got {size}")
        if squad_size < 1 or size % squad_size:
            raise ValueError(f"squads must divide the team's {size} threads, got squads of {squad_size}")
        self.size, self.squad_size = size, squad_size
        if squad_size > 1:
            self.squads = <TeamMeeting*>PyMem_Malloc(size // squad_size * sizeof(TeamMeeting))
            if self.squads == NULL:
                raise MemoryError
        team_begin(&self.barrier, <long>size, self.squads, <long>(size // squad_size))

    def __dealloc__(self):
        PyMem_Free(self.squads)

    def crowd(self, bint crowded):
        """Say whether there are fewer cores than threads that want them, while nobody waits."""
        self.crowded = crowded
        team_crowd(&self.barrier, crowded)

    def abort(self):
        """Let everybody go who waits for the others, now or later: the team is not used again."""
        self.broken = True
        team_break(&self.barrier)


cdef class Task:
    """One network and the rows to run it on, checked and ready.

    Parameters
    ----------
    plan : structured array (n_layers,) of dtype LAYER
        A layer's numbers stand behind those of the one before, whose activation is parametric if n_out numbers lie
        between: the units' w, a = z + w (f(z) - z).
    output : int
        One of the codes in OUTPUTS.
    parameters : float32 or float64 array (n_parameters,)
        The flat vector. It fixes the dtype of everything else.
    X : array (n, n_features), C order, or an object with CSR's data, indices, indptr and shape
    y : int32 array (n,) of labels, or array (n, n_outputs) of numbers; optional
        The softmax needs labels. Other outputs take them, too: 0 or 1 for one output; with several, 1 for the
        label's output and 0 for the others.
    sample_weight : array (n,), optional
    rows : intp array, optional
        Which rows, in which order; it may be refilled between calls. Without it, all rows as they stand.
    capacity : int
        Rows that the workspace holds: the largest mini-batch, or the rows of a whole-data sweep's block.
    loss_scale : float
        Reported losses are the mean loss times this.
    sklearns_loss : bool
        Report losses as scikit-learn makes them: of the outputs, probabilities clipped at eps, and not of z.
    slopes : float64 array (n_layers,), optional
        The activations' parameters; what has none does not look. By default the standard ones.
    loss_parameters : float64 array (1,) or (n_outputs,), optional
        The loss's parameters, as LOSS_PARAMETERS says. By default the standard ones.
    own_loss : callable or scipy.LowLevelCallable, optional
        The loss, instead of the output's, which must be an identity: see own.pyx.
    dropout : float64 array (n_layers - 1,), optional
        The share of each hidden layer's units that training leaves out, of every row others, in [0, 1).
    seed : int
        Which ones: a number of 64 bits.
    embeddings : structured array of dtype EMBEDDING, optional
        What the first layer is given of X, which must be dense. Without it, X. What it learns stands before the plan's
        layers in the vector: the rows', and then the scaling's.
    edges : float64 array, optional
        Where the rows' pieces meet.
    n_features : int, optional
        Columns of X; needed with embeddings.
    scaling : bool
        Whether every column that the embeddings make is multiplied by a factor of its own.
    """

    cdef passes.Task task
    cdef object blocks              # keeps the arrays' memory
    cdef readonly Py_ssize_t n_rows
    cdef readonly Py_ssize_t n_parameters
    cdef readonly Py_ssize_t n_outputs
    cdef readonly bint unsound      # whether a rehearsal has failed
    cdef Py_ssize_t n_stored        # rows of X
    cdef Py_ssize_t n_values        # stored values of a CSR X
    cdef readonly object workspace
    cdef readonly object plan
    cdef readonly Py_ssize_t n_steps        # steps made by the last call of train
    cdef readonly Py_ssize_t n_trained      # rows of their mini-batches
    cdef bint trainable
    cdef UsersLoss own
    cdef passes.Ending ending
    cdef list errors        # what `ending` has of Python's
    cdef object front               # the arrays that the embeddings work in

    def __cinit__(self, plan, int output, parameters, X, *, y=None, sample_weight=None, rows=None,
                  Py_ssize_t capacity=256, double loss_scale=1.0, bint sklearns_loss=False, slopes=None,
                  loss_parameters=None, own_loss=None, dropout=None, uint64_t seed=0, embeddings=None, edges=None,
                  Py_ssize_t n_features=0, bint scaling=False):
        cdef Block plan_block, vector, target, weight, order, work
        cdef Py_ssize_t size, k
        struct_block(plan, LAYER, "plan", 1)
        self.plan = np.array(plan)      # nobody changes it later
        plan_block = Block(self.plan, "plan", "struct", 1)
        vector = Block(parameters, "parameters", "float32 float64", 1)
        dtype = vector.kind()
        self.task.single = dtype == "float32"
        self.blocks = [plan_block, vector]
        self.task.plan = <const Layer*>plan_block.view.buf
        self.task.front.scaling = -1
        before = 0
        if plan_block.length() and embeddings is not None:
            before = self._take_embeddings(embeddings, edges, n_features, scaling, dtype)
        self.n_parameters = check_plan(plan_block, before)
        self.task.n_features = self.task.plan[0].n_in if embeddings is None else n_features
        if vector.length() != self.n_parameters:
            raise ValueError(f"parameters must have the plan's {self.n_parameters} elements, got {vector.length()}")
        if not 0 <= output < N_OUTPUTS:
            raise ValueError(f"output must be one of the codes in OUTPUTS, got {output}")
        if not 1 <= capacity <= INT_MAX - 64:
            raise ValueError(f"capacity must be between 1 and 2**31 - 65 rows, got {capacity}")
        self.task.n_layers = plan_block.length()
        self.task.output = output
        self.task.parameters = vector.view.buf
        self.task.capacity = capacity
        self.task.loss_scale = loss_scale
        self.n_outputs = k = self.task.plan[self.task.n_layers - 1].n_out
        self.task.sklearns_loss = sklearns_loss
        if slopes is not None:
            self.task.slopes = self._numbers("slopes", slopes, self.task.n_layers)
        if dropout is not None:
            self.task.dropout = self._numbers("dropout", dropout, self.task.n_layers - 1)
            check_rates(self.task.dropout, self.task.n_layers - 1)
        self.task.seed = seed
        self.errors = []
        self.ending.errors = <void*>self.errors
        self.task.ending = &self.ending
        self.task.loss_parameters = &OUTPUT_ROWS[output].standard
        each = OUTPUT_ROWS[output].parameters == PARAMETERS_EACH
        if loss_parameters is not None or each:
            given = OUTPUT_ROWS[output].standard if loss_parameters is None else loss_parameters
            given = np.full(k, given) if np.ndim(given) == 0 else given
            self.task.loss_parameters = self._numbers("loss_parameters", given, k if each else 1)
        self._take_rows(X, dtype)
        self.n_rows = self.n_stored
        if rows is not None:
            order = Block(rows, "rows", f"int{8 * sizeof(Py_ssize_t)}", 1)
            self.task.rows = <const Py_ssize_t*>order.view.buf
            self.n_rows = order.length()
            self.blocks.append(order)
        self.trainable = self.task.training = y is not None
        if y is not None:
            if OUTPUT_ROWS[output].targets == TARGETS_LABELS or getattr(y, "ndim", 0) == 1:
                target = Block(y, "y", "int32", 1)
                self.task.labels = <const int32_t*>target.view.buf
            else:
                target = Block(y, "y", dtype, 2)
                self.task.targets = target.view.buf
                if target.length(1) != k:
                    raise ValueError(f"y must have the network's {k} columns, got {target.length(1)}")
            if target.length() != self.n_stored:
                raise ValueError(f"y must have as many rows as X, {self.n_stored}, got {target.length()}")
            self.blocks.append(target)
            if own_loss is not None:
                self.own = UsersLoss(own_loss, capacity, k)
                self.task.own_loss = &self.own.call
        if sample_weight is not None:
            weight = Block(sample_weight, "sample_weight", dtype, 1)
            if weight.length() != self.n_stored:
                raise ValueError(
                    f"sample_weight must have as many elements as X has rows, {self.n_stored}, got {weight.length()}")
            self.task.sample_weight = weight.view.buf
            self.blocks.append(weight)
        size = workspace_size(&self.task, rows is not None and self.task.index_size == 0, 1)
        self.workspace = np.empty(int(size) * capacity, dtype=dtype)    # Python's integers: no overflow
        work = Block(self.workspace, "workspace", dtype, 1, True)
        self.task.workspace = work.view.buf
        self.blocks.append(work)
        if embeddings is not None:
            self._make_front(capacity, dtype)

    cdef Py_ssize_t _take_embeddings(self, embeddings, edges, Py_ssize_t n_features, bint scaling, dtype) except -1:
        """The number of parameters before the layers."""
        cdef passes.Front* front = &self.task.front
        cdef Block table, places
        struct_block(embeddings, EMBEDDING, "embeddings", 1)
        table = Block(np.array(embeddings), "embeddings", "struct", 1)      # nobody changes it later
        places = Block(np.array([] if edges is None else edges, dtype=dtype), "edges", dtype, 1)
        self.blocks += [table, places]
        if table.length() < 1 or n_features < 1:
            raise ValueError(f"embeddings must have a row, and X a column: got {table.length()} and {n_features}")
        front.width = self.task.plan[0].n_in
        before = check_embeddings(table, places, n_features, front.width)
        front.pieces = <const Embedding*>table.view.buf
        front.n_pieces = table.length()
        front.edges = places.view.buf
        if scaling:
            front.scaling = before
            before += front.width
        return before

    cdef int _make_front(self, Py_ssize_t capacity, dtype) except -1:
        """The memory that the embeddings work in: A_0, D_0, the places of X's numbers, what is looked up."""
        cdef passes.Front* front = &self.task.front
        cdef Py_ssize_t part, largest = 0
        cdef bint training = self.task.training
        if self.task.index_size != 0:
            raise TypeError("a network with embeddings takes a dense X, got a sparse one")
        for part in range(n_parts(front)):
            largest = max(largest, part_size(front, part))
        width, rows = int(front.width), int(capacity)
        sizes = [rows * width, rows * width if training else 0, rows * width if front.scaling >= 0 else 0,
                 rows * int(front.n_pieces), self.task.plan[0].weights, largest if training else 0]
        self.front = [np.empty(size, dtype=dtype) for size in sizes]
        blocks = [Block(array, "embeddings", dtype, 1, True) for array in self.front]
        self.blocks += blocks
        front.embedded = (<Block>blocks[0]).view.buf
        front.deltas = (<Block>blocks[1]).view.buf
        front.unscaled = (<Block>blocks[2]).view.buf
        front.places = (<Block>blocks[3]).view.buf
        front.nodes = (<Block>blocks[4]).view.buf
        front.scratch = (<Block>blocks[5]).view.buf
        front.capacity = capacity
        return 0

    cdef const double* _numbers(self, str name, given, Py_ssize_t n) except NULL:
        cdef Block block = Block(np.array(given, dtype=np.float64), name, "float64", 1)
        if block.length() != n:
            raise ValueError(f"{name} must have {n} elements, got {block.length()}")
        self.blocks.append(block)
        return <const double*>block.view.buf

    cdef int _take_rows(self, X, dtype) except -1:
        cdef Block values, indices, indptr
        cdef Py_ssize_t n_features
        if hasattr(X, "indptr"):
            if getattr(X, "format", "csr") != "csr":
                raise TypeError(f"a sparse X must be CSR, got {X.format}")
            values = Block(X.data, "X.data", dtype, 1)
            indices = Block(X.indices, "X.indices", "int32 int64", 1)
            indptr = Block(X.indptr, "X.indptr", indices.kind(), 1)
            self.n_stored, n_features = X.shape
            self.n_values = min(values.length(), indices.length())
            if indptr.length() - 1 != self.n_stored:    # the largest number of rows plus 1 would overflow
                raise ValueError(
                    f"X.indptr must have {int(self.n_stored) + 1} elements for {self.n_stored} rows, "
                    f"got {indptr.length()}")
            self.task.indices = indices.view.buf
            self.task.indptr = indptr.view.buf
            self.task.index_size = <int>indices.view.itemsize
            self.blocks += [indices, indptr]
        else:
            values = Block(X, "X", dtype, 2)
            self.n_stored = values.length(0)
            n_features = values.length(1)
            self.task.index_size = 0
        if n_features != self.task.n_features:
            raise ValueError(f"X must have the network's {self.task.n_features} features, got {n_features}")
        self.task.X = values.view.buf
        self.blocks.append(values)
        return 0

    cdef str dtype(self):
        return "float32" if self.task.single else "float64"

    cdef int64_t _n_labels(self):
        cdef int64_t k = self.task.plan[self.task.n_layers - 1].n_out
        return 2 if k == 1 and OUTPUT_ROWS[self.task.output].targets != TARGETS_LABELS else k

    cdef int _check_kept(self) except -1:
        cdef Block block
        for block in self.blocks:
            block.check_kept()
        return 0

    cdef int _check_range(self, Py_ssize_t first, Py_ssize_t last) except -1:
        """Every array, and every index that the loops will follow for these rows."""
        self._check_kept()
        check_rows(&self.task, first, last, self.n_rows, self.n_stored, self.n_values, self._n_labels())
        return 0

    def predict(self, out, Py_ssize_t first=0, last=None):
        """Output activations of rows first ... last into out (last - first, n_outputs)."""
        cdef Py_ssize_t stop = self.n_rows if last is None else last
        cdef Block target = Block(out, "out", self.dtype(), 2, True)
        cdef Py_ssize_t k = self.task.plan[self.task.n_layers - 1].n_out
        self._check_range(first, stop)
        if target.length(0) != stop - first or target.length(1) != k:
            raise ValueError(f"out must have shape {(stop - first, k)}, got {(target.length(0), target.length(1))}")
        with nogil:
            steps.predict(&self.task, first, stop, target.view.buf)
        self._end()

    def loss(self, Py_ssize_t first, Py_ssize_t last, double weight, gradient=None, masks=None):
        """The weighted losses' sum over rows first ... last, divided by `weight`: the total weight of all rows.

        The sum of their gradients, divided likewise, is added to `gradient`, if given: a vector laid out like the
        parameters. Dropout is off, unless `masks` says whose units are left out: (step, begin, factor) are those of a
        step after `step` others, whose mini-batch begins at row `begin`, by the task's rates times `factor`.
        """
        cdef Block target
        cdef void* slope = NULL
        cdef double loss
        cdef passes.Masks held
        cdef const passes.Masks* left_out = NULL
        if not self.trainable:
            raise ValueError("a task without y has no loss")
        if not weight > 0.0:
            raise ValueError(f"the rows' total weight must be positive, got {weight}")
        self._check_range(first, last)
        if gradient is not None:
            target = Block(gradient, "gradient", self.dtype(), 1, True)
            if target.length() != self.n_parameters:
                raise ValueError(f"gradient must have {self.n_parameters} elements, got {target.length()}")
            slope = target.view.buf
        if masks is not None and self.task.dropout != NULL:
            held = self._masks(masks, first)
            left_out = &held
        with nogil:
            loss = steps.loss_and_gradient(&self.task, first, last, weight, slope, left_out)
        self._end()
        return loss

    cdef passes.Masks _masks(self, masks, Py_ssize_t first) except *:
        cdef Py_ssize_t step, begin
        cdef double factor
        step, begin, factor = masks
        if step < 0 or begin > first:   # before row 0 where other processes have the mini-batch's first rows
            raise ValueError(f"masks must be of a step >= 0 that begins at row {first} or before, got {(step, begin)}")
        check_rates(self.task.dropout, self.task.n_layers - 1, factor)
        return masks_of(&self.task, step, factor, first - begin)

    def train(self, rule, gradient, state, Py_ssize_t first, Py_ssize_t last, Py_ssize_t batch_size,
              Barrier team=None, Py_ssize_t thread=0, counter=None, numbers=None, groups=None):
        """Train on rows first ... last in mini-batches; all threads of a team make this same call.

        `counter.n_steps`, if a counter is given, becomes the rule's step and the steps made: at once with them, so
        that no interrupt can come between.
        `numbers` (mini-batches, 3), float64, has the learning rate and the decoupled decay of each step, instead of
        the rule's, and a factor of the task's rates of dropout, 1 to leave them. `groups` (n_layers, 2, 3), float64,
        has factors of rate, decay and epsilon for every layer's weights and biases; (n_layers, 3, 3) if there are
        parametric activations, whose own come third.
        Returns the sum of the mini-batches' mean losses (penalties included) times their rows: this thread's share.
        """
        cdef steps.Training training
        cdef double losses
        if team is None:
            team = Barrier(1)
        if not 1 <= batch_size <= self.task.capacity:
            raise ValueError(
                f"batch_size must be between 1 and the task's capacity {self.task.capacity}, got {batch_size}")
        arrays = self._prepare(&training, rule, gradient, state, team, thread, False)
        self._check_range(first, last)
        held = take_numbers(&training, &self.task, numbers, groups,
                            (last - first + batch_size - 1) // batch_size)
        training.first = first
        training.last = last
        training.batch_size = batch_size
        with nogil:
            losses = steps.train(&self.task, &training)
        if thread == 0:
            self.n_trained = training.rows
            self._count(&training, team, counter)
        del arrays, held        # not before: they hold the memory
        self._end()
        return losses

    def rehearse(self, rule, gradient, state, Py_ssize_t first, Py_ssize_t last, Barrier team=None,
                 Py_ssize_t thread=0):
        """All of one mini-batch's step but the step: the loss as `train` returns it, and the gradient.

        All threads of a team make this same call. One that finds that the step would leave a parameter that is not
        finite, or that the rows weigh nothing, sets `unsound`: then there is nothing to `move`.
        """
        cdef steps.Training training
        cdef double losses
        cdef bint sound = False
        if team is None:
            team = Barrier(1)
        arrays = self._prepare_rehearsed(&training, rule, gradient, state, first, last, team, thread)
        with nogil:
            losses = rehearsal.rehearse(&self.task, &training, &sound)
        if not sound:
            self.unsound = True
        del arrays
        self._end()
        return losses

    def move(self, rule, gradient, state, Py_ssize_t first, Py_ssize_t last, Barrier team=None, Py_ssize_t thread=0,
             counter=None):
        """The step as `rehearse` has left it, with the same arguments. `counter` is that of `train`."""
        cdef steps.Training training
        if team is None:
            team = Barrier(1)
        if self.unsound:
            raise ValueError("the rehearsal has shown that this step must not be made")
        arrays = self._prepare_rehearsed(&training, rule, gradient, state, first, last, team, thread)
        with nogil:
            rehearsal.move_as_rehearsed(&self.task, &training)
        if thread == 0:
            self._count(&training, team, counter)
        del arrays
        return 0.0

    cdef object _prepare_rehearsed(self, steps.Training* training, rule, gradient, state, Py_ssize_t first,
                                   Py_ssize_t last, Barrier team, Py_ssize_t thread):
        arrays = self._prepare(training, rule, gradient, state, team, thread, True)
        if (training.rule.optimizer in (SGD, MOMENTUM)
                or training.rule.clip_value > 0.0 or training.rule.clip_norm > 0.0 or training.rule.max_norm > 0.0
                or training.rule.l1 > 0.0 or training.rule.l1_batch > 0.0 or self.task.front.n_pieces != 0):
            raise ValueError(
                "steps without or with plain momentum, with an L1 term or max_norm, those that clip, and embeddings "
                "cannot be rehearsed")
        take_numbers(training, &self.task, None, None, 1)
        self._check_range(first, last)
        if last - first > self.task.capacity:
            raise ValueError(f"rows {first} to {last} are more than the task's capacity {self.task.capacity}")
        training.first = first
        training.last = last
        training.batch_size = last - first
        return arrays

    def step(self, rule, gradient, state, double weight, Barrier team=None, Py_ssize_t thread=0, counter=None,
             numbers=None, groups=None):
        """One step of a mini-batch of total weight `weight`, whose gradient is given; all threads make this same call.

        The gradient is that of the mean loss, L2 and L1 terms not included: it is used up. The last three arguments are
        those of `train`; `numbers` has one row.
        Returns this thread's share of these terms.
        """
        cdef steps.Training training
        cdef double term
        if team is None:
            team = Barrier(1)
        if not 0.0 < weight < INFINITY:
            raise ValueError(f"the rows' total weight must be positive, got {weight}")
        arrays = self._prepare(&training, rule, gradient, state, team, thread, True)
        held = take_numbers(&training, &self.task, numbers, groups, 1)
        self._check_kept()
        with nogil:
            term = steps.step(&self.task, &training, weight)
        if thread == 0:
            self._count(&training, team, counter)
        del arrays, held
        return term

    cdef object _prepare(self, steps.Training* training, rule, gradient, state, Barrier team, Py_ssize_t thread,
                         bint whole):
        """What training takes besides the rows, checked. Returns what holds its memory."""
        cdef Block rule_block = struct_block(rule, RULE, "rule", 0)
        cdef Block slope, memory
        dtype = self.dtype()
        if not self.trainable:
            raise ValueError("a task without y cannot be trained")
        if not 0 <= thread < team.size:
            raise ValueError(f"thread must be between 0 and {team.size - 1}, got {thread}")
        training.rule = <const Rule*>rule_block.view.buf
        if not 0 <= training.rule.optimizer < N_OPTIMIZERS:
            raise ValueError(f"rule has the unknown optimizer code {training.rule.optimizer}")
        vectors = OPTIMIZER_ROWS[training.rule.optimizer].vectors
        memory = Block(state, "state", dtype, 2, True)
        if memory.length(0) != vectors or memory.length(1) != self.n_parameters:
            raise ValueError(
                f"state must have shape {(vectors, self.n_parameters)}, got {(memory.length(0), memory.length(1))}")
        slope = Block(gradient, "gradient", dtype, 1, True)
        stands = training.rule.clip_value > 0.0 or training.rule.clip_norm > 0.0
        stands = stands or training.rule.l1 != 0.0 or training.rule.l1_batch != 0.0
        stands = stands or self.task.front.n_pieces != 0
        if (vectors or stands or whole) and slope.length() != self.n_parameters:
            raise ValueError(f"gradient must have {self.n_parameters} elements, got {slope.length()}")
        # The vector may have become read-only since the task was built.
        Block(self._parameters(), "parameters", dtype, 1, True)
        training.gradient = slope.view.buf
        training.state = memory.view.buf
        training.n_parameters = self.n_parameters
        training.team = &team.barrier
        training.thread = thread
        training.step = training.rule.step
        training.rows = 0
        training.n_threads = team.size
        training.squad_size = team.squad_size
        return rule_block, slope, memory

    cdef int _count(self, steps.Training* training, Barrier team, counter) except -1:
        self.n_steps = training.step - training.rule.step
        if counter is not None and not team.broken:
            counter.n_steps = training.step
        return 0

    cdef int _end(self) except -1:
        """Raise what has ended the loops."""
        if self.ending.come:
            self.ending.come = False
            raise self.errors.pop()
        return 0

    cdef object _parameters(self):
        cdef Block vector = self.blocks[1]
        return <object>vector.view.obj

    def embedded(self, Py_ssize_t rows):
        """A_0 (rows, n_in of the first layer) of the block last run, made by the embeddings."""
        if self.front is None:
            raise ValueError("a task without embeddings takes X as it is")
        if not 0 <= rows <= self.task.capacity:
            raise ValueError(f"rows must lie between 0 and the task's capacity {self.task.capacity}, got {rows}")
        return self.front[0].reshape(self.task.capacity, -1)[:rows]

    def views(self, Py_ssize_t rows):
        """The workspace's activations A_1 ... A_L and deltas D_1 ... D_L of the block last run, `rows` rows each."""
        cdef Py_ssize_t capacity = self.task.capacity
        widths = [int(n) for n in self.plan["n_out"]]
        start = 0
        blocks = []
        if not 0 <= rows <= capacity:
            raise ValueError(f"rows must lie between 0 and the task's capacity {capacity}, got {rows}")
        if self.task.rows != NULL and self.task.index_size == 0:
            start = int(self.task.n_features) * capacity
        for width in widths + (widths if self.trainable else []):
            blocks.append(self.workspace[start : start + rows * width].reshape(rows, width))
            start += width * capacity
        return blocks[: len(widths)], blocks[len(widths) :]
