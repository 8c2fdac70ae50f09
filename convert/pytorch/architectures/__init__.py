"""The known architectures; importing the package registers them in `convert.pytorch.registry`."""

from convert.pytorch.architectures import (
    anime_gan,
    cartoon_gan,
    fast_neural_style,
    resnet_generator,
    rrdb_net,
    srvgg_net,
    transformer_net,
    unet_generator,
    vgg,
)

__all__ = [
    "anime_gan",
    "cartoon_gan",
    "fast_neural_style",
    "resnet_generator",
    "rrdb_net",
    "srvgg_net",
    "transformer_net",
    "unet_generator",
    "vgg",
]
