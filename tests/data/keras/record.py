"""Records what Keras itself saves, puts out and differentiates, so that the tests need no Keras.

    KERAS_BACKEND=torch python tests/data/keras/record.py      # with keras 3.15.1, torch 2.13.0, h5py 3.16.0

Each model: NAME.json (to_json), NAME.weights.h5 (save_weights), NAME.npz (inputs, targets, outputs, loss,
gradients by the variables' paths). All in float32: this backend multiplies matrices so in float64 as well.
`.keras` of one of them; the JSON alone of models that are no perceptrons.
"""

import os
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers

HERE = Path(__file__).parent
EXAMPLES = 6


def regressor() -> Any:
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="tanh", kernel_regularizer="l2", name="hidden"),
            layers.Dropout(0.5),
            layers.Dense(3, kernel_regularizer="l2"),
            layers.LeakyReLU(),
            keras.Sequential([layers.Dense(2, activation="leaky_relu", kernel_regularizer="l2")]),
        ]
    )


def classifier() -> Any:
    return keras.Sequential(
        [
            keras.Input((2, 2)),
            layers.Flatten(),
            layers.Dense(6, activation=layers.ELU(0.5), use_bias=False),
            layers.Dense(5),
            layers.Activation("silu"),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )


def functional() -> Any:
    inputs = keras.Input((4,))
    hidden = layers.Dense(5, activation="gelu", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02))(
        inputs
    )
    hidden = layers.ReLU(negative_slope=0.1)(
        layers.Dense(4, kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02))(hidden)
    )
    last = layers.Dense(3, activation="sigmoid", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02))
    return keras.Model(inputs, last(hidden))


def logits() -> Any:
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, activation="softplus"), layers.Dense(5, "relu"), layers.Dense(3)]
    )


MODELS = {
    "regressor": (regressor, "mse", lambda rng: rng.normal(size=(EXAMPLES, 2))),
    "classifier": (
        classifier,
        "sparse_categorical_crossentropy",
        lambda rng: rng.integers(0, 3, size=(EXAMPLES, 1)),
    ),
    "functional": (
        functional,
        keras.losses.BinaryCrossentropy(reduction="sum"),
        lambda rng: rng.integers(0, 2, size=(EXAMPLES, 3)).astype("float32"),
    ),
    "logits": (
        logits,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        lambda rng: np.eye(3)[rng.integers(0, 3, size=EXAMPLES)],
    ),
}


def record(name: str) -> None:
    make, loss, draw = MODELS[name]
    model = make()
    model.compile(loss=loss)
    rng = np.random.default_rng(len(name))
    for variable in model.variables:
        if variable.path.endswith(("kernel", "bias")):
            variable.assign(rng.normal(size=variable.shape) * 0.7)
    inputs, targets = rng.normal(size=(EXAMPLES, *model.input_shape[1:])).astype("float32"), draw(rng)
    (HERE / f"{name}.json").write_text(model.to_json(indent=1) + "\n")
    model.save_weights(HERE / f"{name}.weights.h5", overwrite=True)
    outputs = model(torch.as_tensor(inputs), training=False)
    loss_function = keras.losses.get(loss) if isinstance(loss, str) else loss
    value = loss_function(torch.as_tensor(targets), outputs)
    value = (value.mean() if value.ndim else value) + sum(model.losses)
    model.zero_grad()
    value.backward()
    np.savez(
        HERE / f"{name}.npz",
        inputs=inputs,
        targets=targets,
        outputs=outputs.detach().numpy(),
        loss=value.detach().numpy(),
        **{one.path: one.value.grad.numpy() for one in model.trainable_variables},
    )
    if name == "regressor":
        model.save(HERE / f"{name}.keras")


@keras.saving.register_keras_serializable("homework")
class Mine(layers.Dense):
    pass


def refused() -> dict[str, Any]:
    shared, inputs = layers.Dense(4), keras.Input((4,))
    return {
        "convolution": keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten()]),
        "normalisation": keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()]),
        "recurrent": keras.Sequential([keras.Input((4, 2)), layers.LSTM(3)]),
        "lambda": keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Lambda(lambda x: x + 1)]),
        "custom": keras.Sequential([keras.Input((4,)), Mine(3)]),
        "residual": keras.Model(inputs, layers.Add()([inputs, layers.Dense(4)(inputs)])),
        "shared": keras.Model(inputs, shared(shared(inputs))),
    }


if __name__ == "__main__":
    for name in MODELS:
        record(name)
    for name, model in refused().items():
        (HERE / f"refused_{name}.json").write_text(model.to_json(indent=1) + "\n")
