"""What people hand in: checkpoints of every usual form, how their tensors fit a network, and the network itself."""
