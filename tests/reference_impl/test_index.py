import reference_impl


def test_the_index_is_sorted_and_complete():
    """Constants, then classes, then functions, each by the alphabet, as ruff's RUF022 asks."""

    def rank(name):
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert list(reference_impl.__all__) == sorted(reference_impl.__all__, key=rank)
    assert len(set(reference_impl.__all__)) == len(reference_impl.__all__)
    assert [name for name in reference_impl.__all__ if not hasattr(reference_impl, name)] == []


def test_what_the_index_imports_is_what_it_lists():
    modules = {"graph", "problem_graph"}  # parts with an index, or an entrance, of their own
    names = {
        name
        for name, member in vars(reference_impl).items()
        if not name.startswith("_") and type(member).__name__ != "module"
    }
    assert names - modules <= set(reference_impl.__all__)
