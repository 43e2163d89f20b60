"""CPU kernels of training: operations that are one pass over memory here and several in torch.

They are compiled from C++ for the processor at hand when they are first needed, and kept in the user's cache. Without a
compiler, on other devices and in every export, torch computes the same by its own operations: a network that calls them
needs to know nothing of it.

    batch_norm         batch norm, residual sum and ReLU; splits into branches and concatenates them without a copy
    temporal_max_pool  maximum of three frames
    graph_matmul       keypoints mixed along the graph, and the gradient of its weights
    compiler           compiles, caches and loads the library
"""
