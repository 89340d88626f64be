"""The catalogue of backpropagation bugs and the search for those that reproduce a submission."""
