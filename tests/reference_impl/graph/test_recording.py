from reference_impl.graph import Add, DynamicGraph
from reference_impl.graph.operations import ACTIVE_RECORDERS


def test_recorders_are_those_of_the_blocks_around_outermost_first():
    assert ACTIVE_RECORDERS.get() == ()
    with DynamicGraph() as outer, DynamicGraph() as inner:
        assert ACTIVE_RECORDERS.get() == (outer, inner)
    assert ACTIVE_RECORDERS.get() == ()


def test_whoever_has_a_record_method_may_record():
    class Notebook(list):
        record = list.append

    notebook = Notebook()
    token = ACTIVE_RECORDERS.set((notebook,))
    try:
        total = Add()(1.0, 2.0)
    finally:
        ACTIVE_RECORDERS.reset(token)
    assert notebook == [total]
