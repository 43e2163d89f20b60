"""Networks, one file each, plain nn.Module."""
