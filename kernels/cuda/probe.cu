// Tells which machine code of rein's kernels a GPU runs: the driver takes the best that the fat binary holds, or
// compiles its PTX.

// Writes the compute capability times ten that this was compiled for.
extern "C" __global__ void rein_probe(int * compiled_for) {
#ifdef __CUDA_ARCH__
    *compiled_for = __CUDA_ARCH__ / 10;
#endif
}
