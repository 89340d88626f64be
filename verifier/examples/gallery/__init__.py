"""Gallery of mistakes in published code, as submissions. Each module of this package defines one entry."""

from collections.abc import Mapping
from types import MappingProxyType

from verifier.examples.gallery import (
    bot_academy,
    data_science_from_scratch,
    deep_learn_toolbox,
    gophernet,
    grokking_dropout,
    grokking_relu,
    grokking_sign,
    interviews,
    jax_notes,
    mlpack,
    network2_pull_request,
    neuroph,
    nn_from_scratch,
    numpy_ml,
    opennn,
    scikit_learn,
    tflearn,
)
from verifier.examples.gallery.entry import GalleryEntry

GALLERY: Mapping[str, GalleryEntry] = MappingProxyType(
    {
        module.ENTRY.name: module.ENTRY
        for module in (
            scikit_learn,
            nn_from_scratch,
            jax_notes,
            grokking_sign,
            network2_pull_request,
            bot_academy,
            neuroph,
            tflearn,
            gophernet,
            interviews,
            grokking_relu,
            data_science_from_scratch,
            numpy_ml,
            grokking_dropout,
            mlpack,
            deep_learn_toolbox,
            opennn,
        )
    }
)
