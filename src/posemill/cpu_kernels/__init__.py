"""Operations that are one pass over memory here and several in torch, for training on a processor.

What is in C++ is compiled for the processor at hand when it is first needed, and kept in the user's cache. Where it
cannot be, where gradients are not computed on the CPU, and in every export, torch does the same in its own way.

    norm     normalisation, residual sum and ReLU; splits into branches and joins them without a copy
    largest  maximum of three frames
    mix      keypoints mixed with one another, and the gradient of how
"""
