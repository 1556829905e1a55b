"""Which tests run under `make quick`: all but these, which take long to see one thing.

Measured with `pytest --durations=0`. What is left finds most faults in the mathematics
(`tools/mutate.py` counts them) in less than a minute. A test that takes a second belongs here.
"""

import pytest

# Files that watch memory, time, signals, processes, files, pages and other people's tests.
FILES = {
    "test_allocations.py",
    "test_atomic.py",
    "test_check_estimator.py",
    "test_checkpoints.py",
    "test_damaged_files.py",
    "test_docstrings.py",
    "test_doctests.py",
    "test_ecosystem.py",
    "test_examples.py",
    "test_exit.py",
    "test_interrupts.py",
    "test_main.py",
    "test_memory.py",
    "test_onnx.py",
    "test_plots.py",
    "test_processes.py",
    "test_properties.py",
    "test_repetition.py",
    "test_sklearn_suite.py",
}
# Tests of other files: of their cases, one in so many runs; none where this is 0.
ONE_IN = {
    "test_a_fresh_process_loads_what_another_has_saved": 0,
    "test_derivative_is_off_by_two_eps_at_most": 6,
    "test_derivative_is_right_where_it_is_small": 6,
    "test_error_is_within_the_stated_ulp": 6,
    "test_folds_with_a_checkpoint_score_as_folds_without": 0,
    "test_partial_fits_have_the_bits_of_those_that_copy": 6,
    "test_partial_fits_of_a_wide_model_hold_no_memory_besides_it": 0,
    "test_a_task_that_was_never_built_is_refused": 0,
    "test_a_team_works_again_and_again": 0,
    "test_an_interrupt_within_a_mini_batch_of_all_rows_is_answered_and_nothing_moves": 0,
    "test_backprop_is_the_numerical_gradient": 4,
    "test_drawn_case_ends_with_sklearns_model": 16,
    "test_example_prints_what_its_comments_say": 0,
    "test_first_fit_that_is_lost_says_when_and_leaves_an_unfitted_estimator": 4,
    "test_fit_that_goes_on_and_is_lost_leaves_the_model_that_was_there": 4,
    "test_memory_of_the_copies_goes_with_the_model": 0,
    "test_no_slice_of_mini_batches_takes_long": 0,
    "test_small_products_of_all_sizes": 3,
}


def stays(name, case):
    """Whether this case of a test, counted from 0, is among the quick ones."""
    return name not in ONE_IN or bool(ONE_IN[name] and case % ONE_IN[name] == 0)


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the markers
def pytest_collection_modifyitems(items):
    cases = {}
    for item in items:
        name = getattr(item, "originalname", item.name)
        cases[item.path, name] = case = cases.get((item.path, name), -1) + 1
        nightly = item.get_closest_marker("nightly") is not None
        if not nightly and item.path.name not in FILES and stays(name, case):
            item.add_marker(pytest.mark.quick)
