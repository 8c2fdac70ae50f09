"""The known architectures; importing the package registers them in `convert.pytorch.registry`."""

from convert.pytorch.architectures import transformer_net, vgg

__all__ = ["transformer_net", "vgg"]
