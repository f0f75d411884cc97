// The few declarations of ggml's CPU backend that its installed headers leave out, as they are in the version that
// README.md names: ggml/src/ggml-cpu/traits.h and ggml-cpu-impl.h.
#pragma once

#include <cstddef>
#include <vector>

#include "ggml_backend_internals.h"

struct ggml_threadpool;

// What a thread is told when it computes its part of an operation.
struct ggml_compute_params {
    int ith, nth; // this thread, and how many there are
    size_t wsize; // memory that all threads share
    void * wdata;
    struct ggml_threadpool * threadpool;
    bool use_ref;
};

extern "C" {
void ggml_barrier(struct ggml_threadpool * pool);
// A counter that the threads of an operation share: it must be set before a barrier.
void ggml_threadpool_chunk_set(struct ggml_threadpool * pool, int value);
int ggml_threadpool_chunk_add(struct ggml_threadpool * pool, int value);
}

namespace ggml::cpu {

class tensor_traits {
  public:
    virtual ~tensor_traits();
    virtual bool work_size(int n_threads, const struct ggml_tensor * op, size_t & size) = 0;
    virtual bool compute_forward(struct ggml_compute_params * params, struct ggml_tensor * op) = 0;
};

class extra_buffer_type {
  public:
    virtual ~extra_buffer_type();
    virtual bool supports_op(ggml_backend_dev_t dev, const struct ggml_tensor * op) = 0;
    virtual tensor_traits * get_tensor_traits(const struct ggml_tensor * op) = 0;
};

} // namespace ggml::cpu

std::vector<ggml_backend_buffer_type_t> & ggml_backend_cpu_get_extra_buffer_types();
