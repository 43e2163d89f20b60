"""Operations that are one pass over memory here and several in torch, for training on a processor.

norm.cpp is compiled for the processor at hand when it is first needed, and kept in the user's cache. Where it cannot
be, where gradients are not computed on the CPU, and in every export, torch does the same in its own way.
"""
