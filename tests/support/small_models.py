"""Small networks under the image contract whose answers are known."""

import keras


def inverting_model(scale: float = 1.0) -> keras.Model:
    """scale * (1 - x), as a 1x1 convolution."""
    image = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(3, 1)
    model = keras.Model(image, layer(image))
    layer.kernel.assign(-scale * keras.ops.reshape(keras.ops.eye(3), (1, 1, 3, 3)))
    layer.bias.assign([scale, scale, scale])
    return model


def convolutional_model(**options) -> keras.Model:
    """Three random convolutions with a sigmoid at the end."""
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(16, 5, padding="same", activation="relu", **options)(image)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu", **options)(x)
    return keras.Model(image, keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid", **options)(x))
