"""Members and folds that several processes divide among themselves."""

from mpi import output


def test_ranks_have_the_model_of_one_process_to_the_bit(figure):
    figure("tabular fits by 3 ranks", int(output(3, "tabular_ranks.py")))
