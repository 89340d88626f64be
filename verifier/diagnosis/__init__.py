"""Which mistake is it? The catalogue of bugs, and the search for those that reproduce a submission."""
