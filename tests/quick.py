"""Which tests run under `make quick`: all but those that take long to see one thing.

Of a test with many cases some are enough, spread so that every two parameters meet in every two of
their values; `make test` runs them all. Measured with `pytest --durations=0`. What is left finds
most faults in the mathematics (`tools/mutate.py` counts them) in less than a minute. A test that
takes a second belongs here.
"""

from collections import Counter

import pytest

# Files that watch memory, time, signals, processes, files, pages and other people's tests.
FILES = {
    "test_allocations.py",
    "test_atomic.py",
    "test_check_estimator.py",
    "test_checkpoints.py",
    "test_damaged_files.py",
    "test_dask.py",
    "test_docstrings.py",
    "test_doctests.py",
    "test_ecosystem.py",
    "test_examples.py",
    "test_exit.py",
    "test_interrupts.py",
    "test_main.py",
    "test_memory.py",
    "test_onnx.py",
    "test_onnx_inputs.py",
    "test_onnx_tables.py",
    "test_pages.py",
    "test_play_browser.py",
    "test_plots.py",
    "test_processes.py",
    "test_predictor_in_c.py",
    "test_properties.py",
    "test_ranks.py",
    "test_repetition.py",
    "test_sklearn_suite.py",
    "test_spark_example.py",
    "test_table_benchmark.py",
    "test_tabular_checkpoints.py",
    "test_tabular_ecosystem.py",
    "test_tabular_frames.py",
    "test_two_hosts.py",
}
# Cases that are enough, where a case takes long; of any more, one in ten unless none is enough.
ENOUGH = {
    "test_a_file_four_times_the_memory_is_fitted": 0,
    "test_a_fit_is_a_record_made_once": 0,
    "test_a_fresh_process_loads_what_another_has_saved": 0,
    "test_a_task_that_was_never_built_is_refused": 0,
    "test_a_team_works_again_and_again": 0,
    "test_a_warm_start_goes_on_as_on_its_own_side": 6,
    "test_an_indicator_without_zeros_is_refused_where_sklearn_learns_all_ones": 0,
    "test_an_interrupt_within_a_mini_batch_of_all_rows_is_answered_and_nothing_moves": 0,
    "test_backprop_is_the_numerical_gradient": 4,
    "test_derivative_is_off_by_two_eps_at_most": 3,
    "test_derivative_is_right_where_it_is_small": 1,
    "test_drawn_case_ends_with_sklearns_model": 4,
    "test_error_is_within_the_stated_ulp": 2,
    "test_example_prints_what_its_comments_say": 0,
    "test_few_columns": 4,
    "test_folds_with_a_checkpoint_score_as_folds_without": 0,
    "test_interrupt_at_any_moment_leaves_a_whole_step_or_none": 0,
    "test_long_sums_are_split_without_loss": 6,
    "test_memory_of_the_copies_goes_with_the_model": 0,
    "test_no_slice_of_mini_batches_takes_long": 0,
    "test_noise_is_not_learnt_out_of_fold": 0,
    "test_one_job_is_one_thread_in_every_part_of_a_call": 3,
    "test_partial_fit_goes_on_as_on_its_own_side": 6,
    "test_partial_fits_have_the_bits_of_those_that_copy": 4,
    "test_partial_fits_of_a_wide_model_hold_no_memory_besides_it": 0,
    "test_polars_frames_are_taken": 0,
    "test_same_seed_gives_sklearns_coefficients": 8,
    "test_several_quantiles_have_a_column_each": 1,
    "test_skops_need_trust_nothing_but_the_estimators_class": 0,
    "test_slices_of_a_sweep_are_whole_blocks": 0,
    "test_small_products_of_all_sizes": 1,
    "test_the_pages_onnx_code_exports_a_pipeline_of_numbers_and_categories": 0,
    "test_the_threads_allowed_change_no_bit_of_what_is_reported": 1,
    "test_two_jobs_are_two_threads_where_blas_is_allowed_one": 2,
    "test_unfitted_models_change_sides_and_fit_the_same": 6,
    "test_what_is_done_to_the_sums_at_the_end": 4,
}
ENOUGH_OF_OTHERS = 6
GOLDEN = (5**0.5 - 1) / 2  # its multiples fill [0, 1) evenly, wherever one stops counting


def stays(name, case, n_cases):
    """Whether this case of a test, counted from 0, is among the quick ones."""
    enough = ENOUGH.get(name, ENOUGH_OF_OTHERS)
    some = min(n_cases, enough + max(0, n_cases - enough) // 10 * bool(enough))
    return case * GOLDEN % 1 < some / n_cases


def pytest_ignore_collect(collection_path, config):
    """Where only quick tests are asked for, files that have none are not even read."""
    return True if config.option.markexpr == "quick" and collection_path.name in FILES else None


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the markers
def pytest_collection_modifyitems(items):
    tests = [(item.path.name, getattr(item, "originalname", item.name)) for item in items]
    n_cases, seen = Counter(tests), Counter()
    for item, (file, name) in zip(items, tests, strict=True):
        case = seen[file, name]
        seen[file, name] += 1
        quick = file not in FILES and stays(name, case, n_cases[file, name])
        if quick and item.get_closest_marker("nightly") is None:
            item.add_marker(pytest.mark.quick)
