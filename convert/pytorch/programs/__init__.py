"""PyTorch networks that are stored as programs: exported ones (torch.export) and TorchScript."""
