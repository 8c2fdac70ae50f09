"""The known architectures; importing the package registers them in `convert.pytorch.registry`."""

from convert.pytorch.architectures import resnet_generator, transformer_net, vgg

__all__ = ["resnet_generator", "transformer_net", "vgg"]
